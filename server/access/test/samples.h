// SPDX-License-Identifier: MIT
// Hashes of one password, made by other programs: Python's crypt and bcrypt modules, argon2-cffi and
// mosquitto_passwd.
#ifndef ACCESS_TEST_SAMPLES_H
#define ACCESS_TEST_SAMPLES_H

#include "server/access/access.h"

#include "test/suite.h"

#define SAMPLE_PASSWORD "Hi, gateway!"

struct sample {
    enum password_scheme scheme;
    const char *text;
};

static const struct sample samples[] = {
    {PASSWORD_SHA256, "$5$saltstring$5VqwRViXIT9T4FySVv5ggxOqqA3/ummHgr4hnOjfh13"},
    {PASSWORD_SHA256, "$5$rounds=1000$a-salt$7UBkac6vFXarraGn4W7e96.91B9AQerbVh7XvD9H4PA"},
    {PASSWORD_SHA512,
     "$6$saltstring$KXpwyYI1S6ZM6iM3q/vO/8zYn8AkTpnMbH7/3La6y59/sG.Lm5c3xGJWDsqDIBTa83qye7YHPvmt"
     "BD0zvp.5T0"},
    {PASSWORD_SHA512,
     "$6$rounds=1400$anotherlongsalt$wlWpZHWL/cIxzlJCNmhFxt0iqgf8MlC8uLCvoYpBQ2uB0nAk2elilwJN8LK"
     "4T9KktdtrWFmW/P3uqtmTBM9Vv0"},
    {PASSWORD_YESCRYPT, "$y$j75$saltofyescrypt22cCb1x.$LJFOyMyMqZfzoDOqJ7GR4RpPOEu2A4fh.E1qPDkZTW9"},
    {PASSWORD_GOST_YESCRYPT, "$gy$j75$saltofyescrypt22cCb1x.$UM/G2Vv6p4Aqh4lbGFWo0.3nOWP/syoTLSrJ2./38v."},
    {PASSWORD_BCRYPT, "$2a$04$s0ws9yPwDhlqS/SByhxVHuYqwXlhJSqI5uXPgTcSqr2XdT6jBtm16"},
    {PASSWORD_BCRYPT, "$2b$04$Bt0kvMfaFr.92IC2SsweFOF4R0YFYyNXU42bFfox4/l2zEzdOgdPa"},
    {PASSWORD_BCRYPT, "$2y$04$abcdefghijklmnopqrstuugHJm0SZw5T/KGazTUGGs41docoDMIqu"},
    {PASSWORD_ARGON2ID, "$argon2id$v=19$m=64,t=2,p=3$KUmt8a24AEWEnnGGhrbKzg$j/eB+TXNvsZkYUktOTlNKA"},
    {PASSWORD_ARGON2ID, "$argon2id$v=16$m=32,t=1,p=1$c2FsdHNhbHRzYWx0$EWI6zOxQghinqdy8UcTbA8KhkyOHFqT6"},
    {PASSWORD_ARGON2ID, "$argon2id$m=32,t=1,p=1$c2FsdHNhbHRzYWx0$EWI6zOxQghinqdy8UcTbA8KhkyOHFqT6"},
    {PASSWORD_ARGON2I, "$argon2i$v=19$m=64,t=2,p=3$GqdctOSP3F7sCW0thAS6gw$fb9Y1BG722NsBMB0CegVDw"},
    {PASSWORD_MOSQUITTO,
     "$7$101$1imiQEa1+M0U3fcp$Sat1O6tMKgGdEpR1THkrpI0lR1k4GfxO0ckqjGT2w3yGDHQKL1fOfvi2+xL/xUEp"
     "AH6RfOzMiWY1I0WKRoMK+g=="},
    {PASSWORD_MOSQUITTO_1,
     "$6$OZfBom0b2xGOmfox$fdQQxaTCb5PZ14Mpu90k1hTKJfnYmoFhoHd+kPKUJ4rf3cgbmQlOSE4C+2NKfdRt8P"
     "z/URF8fHimmG1BtZdArg=="},
};

#define SAMPLES (sizeof samples / sizeof samples[0])

#endif
