# SPDX-License-Identifier: MIT
# Completion of hbmqtt_pub and hbmqtt_sub for bash. Options are those that the program itself lists.

_hbmqtt() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    case $before in
        -f | --file | --whole-file | -c | --config-file | --ca-file | --cert | --key | --queue-file)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
        --ca-path)
            mapfile -t COMPREPLY < <(compgen -d -- "$word")
            return
            ;;
        -q | --qos | --will-qos)
            mapfile -t COMPREPLY < <(compgen -W '0 1 2' -- "$word")
            return
            ;;
        --url | -L | --url-topic)
            mapfile -t COMPREPLY < <(compgen -W 'mqtt:// mqtts:// ws:// wss:// unix://' -- "$word")
            return
            ;;
        --proxy)
            mapfile -t COMPREPLY < <(compgen -W 'http:// socks5://' -- "$word")
            return
            ;;
    esac
    if [[ $word == -* ]]; then
        local options
        options=$("${COMP_WORDS[0]}" --help 2>/dev/null | grep -oE '^  (-[A-Za-z], |    )--[a-z-]+' | tr -d ',')
        # shellcheck disable=SC2086 # several words
        mapfile -t COMPREPLY < <(compgen -W "$(echo $options)" -- "$word")
    fi
}

complete -o nospace -F _hbmqtt hbmqtt_pub hbmqtt_sub
