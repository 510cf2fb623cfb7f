# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Completion for bash. The verbs and options are those that the program itself tells of in its help, so
# the two cannot differ. `make install` puts it where bash-completion looks; or: source tools/reqscope.bash

# The words that one of the helps lists at the beginning of its lines: verbs, or options.
_reqscope_words() {
	case $1 in
	verbs) "$2" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *[a-z].*/\1/p' ;;
	options) "$2" "$3" --help-all 2>/dev/null |
		sed -n 's/^  *\(-[A-Za-z], \)\{0,1\}\(--[a-z][a-z-]*\).*/\1\2/p' | tr -d ',' ;;
	esac
}

# "text, json or html", as the help has it, of one option.
_reqscope_choices() {
	"$1" "$2" --help-all 2>/dev/null | sed -n "s/^ .*$3 [A-Z]* *//p" |
		sed 's/([^)]*)//g; s/, / /g; s/ or / /g; s/ and .*//; s/;.*//'
}

_reqscope() {
	local command=${COMP_WORDS[0]} cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verb=${COMP_WORDS[1]}

	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		case $cur in
		-*) mapfile -t COMPREPLY < <(compgen -W "$(_reqscope_words options "$command" top) --help --version" -- "$cur") ;;
		*) mapfile -t COMPREPLY < <(compgen -W "$(_reqscope_words verbs "$command")" -- "$cur") ;;
		esac
		return
	fi
	case $verb in
	-*) verb=top ;;
	esac
	case $prev in
	--format | --insight | --sort | --window | --log-requests)
		mapfile -t COMPREPLY < <(compgen -W "$(_reqscope_choices "$command" "$verb" "$prev")" -- "$cur")
		return
		;;
	--log)
		mapfile -t COMPREPLY < <(compgen -W "- syslog journald" -- "$cur"; compgen -f -- "$cur")
		return
		;;
	--cgroup)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	-o | --output | -c | --config | --routes)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	esac
	case $cur in
	-*) mapfile -t COMPREPLY < <(compgen -W "$(_reqscope_words options "$command" "$verb")" -- "$cur") ;;
	*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	esac
}
complete -o filenames -F _reqscope reqscope
