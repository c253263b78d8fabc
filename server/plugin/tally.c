// SPDX-License-Identifier: MIT
#include "server/plugin/tally.h"

bool tally_add(struct tally *tally, int verdict)
{
    bool fleeting = (verdict & HBMQTT_STABLE) == 0;
    int bare = verdict_bare(verdict);
    if (bare == HBMQTT_DENY) {
        tally->unavailable = (verdict & HBMQTT_UNAVAILABLE) != 0;
        tally->fleeting = fleeting; // what the others say changes nothing
        return true;
    }
    tally->fleeting = tally->fleeting || fleeting;
    tally->missed = tally->missed || bare == HBMQTT_NO_OPINION;
    tally->allowed = tally->allowed || bare == HBMQTT_ALLOW;
    tally->vouched = tally->vouched || (bare == HBMQTT_ALLOW && (verdict & HBMQTT_UNVOUCHED) == 0);
    return false;
}

int tally_conclude(const struct tally *tally)
{
    if (tally->allowed)
        return HBMQTT_ALLOW;
    return tally->missed ? HBMQTT_DENY : HBMQTT_NOT_CONCERNED;
}
