#!/usr/bin/env bash
#
# Lists what starts on its own on a Linux device, and marks what is seldom honest.
#
#   hunt-persistence-linux.sh            writes /var/lib/svar-persistence/persistence.tsv
#   hunt-persistence-linux.sh --remove   removes that folder again
#
# Looked at: systemd services and timers, cron, at, rc.local, shell profiles, preloaded libraries,
# udev rules that run programs, and forced commands of SSH keys. An entry is marked when it
# fetches from the network, decodes or pipes into a shell, opens a socket, or starts from a folder
# that everybody may write to. A mark is a hint for a person; an entry without one is still listed.
# The last line on stdout is JSON: how many entries, how many marked, and the first marked ones.
#
# It changes nothing but its own folder. SVAR_DEVICE_ROOT names the root to look at; empty means `/`.

set -euo pipefail
umask 077
export LC_ALL=C

readonly root=${SVAR_DEVICE_ROOT:-}
readonly work=$root/var/lib/svar-persistence
readonly list=$work/persistence.tsv
readonly entries_max=5000
readonly shown_max=20

fail() {
  printf 'PERSISTENCE-FAILED %s\n' "$1" >&2
  exit 1
}

[[ ! -L $work ]] || fail "$work is a symbolic link"
case ${1:-} in
  '') ;;
  --remove)
    rm -rf -- "$work"
    printf '{"removed":true}\n'
    exit 0
    ;;
  *) fail "unknown argument: $1" ;;
esac

# Why an entry deserves a look, in one word, or nothing.
mark_of() {
  case $1 in
    *curl*'|'*sh* | *wget*'|'*sh* | *'base64 -d'* | *'base64 --decode'*) printf 'piped-to-shell' ;;
    */dev/tcp/* | *'nc -e'* | *'ncat '*' -e'* | *'bash -i'* | *'socket.socket'*) printf 'reverse-shell' ;;
    *'curl '* | *'wget '*) printf 'fetches' ;;
    */tmp/* | */dev/shm/*) printf 'world-writable-folder' ;;
    */.[a-z]*/*) printf 'hidden-folder' ;;
  esac
}

entries=0
marked=0
shown=''

# One entry: its kind, the file it stands in, and the line itself without control characters.
entry() {
  local kind=$1 file=${2#"$root"} line=${3//[[:cntrl:]]/ } mark text
  ((entries < entries_max)) || return 0
  entries=$((entries + 1))
  line=${line:0:1000}
  mark=$(mark_of "$line")
  printf '%s\t%s\t%s\t%s\n' "${mark:--}" "$kind" "$file" "$line" >>"$list"
  [[ -n $mark ]] || return 0
  marked=$((marked + 1))
  if ((marked <= shown_max)); then
    text=${file//\\/\\\\}
    shown+=${shown:+,}'{"mark":"'$mark'","kind":"'$kind'","file":"'${text//\"/\\\"}'"}'
  fi
}

# Every line of a file that is neither empty nor a comment, or only those that fit an expression.
lines() {
  local kind=$1 file=$2 wanted=${3:-} line
  [[ -f $file && -r $file && ! -L $file ]] || return 0
  # shellcheck disable=SC2094 # the file's name is written down; the file itself is only read
  while IFS= read -r line || [[ -n $line ]]; do
    [[ ! $line =~ ^[[:space:]]*(#|;|$) ]] || continue
    [[ -z $wanted || $line =~ $wanted ]] || continue
    entry "$kind" "$file" "$line"
  done <"$file"
}

# Hidden files are looked at, too: that is where one hides.
shopt -s nullglob dotglob
rm -rf -- "$work"
mkdir -p -- "$work"
printf 'mark\tkind\tfile\tentry\n' >"$list"

for file in "$root"/{etc,run,usr/local/lib}/systemd/system/*.service "$root"/root/.config/systemd/user/*.service \
  "$root"/home/*/.config/systemd/user/*.service; do
  lines systemd-service "$file" '^Exec(Start|StartPre|StartPost|Stop|Reload)='
done
for file in "$root"/{etc,run,usr/local/lib}/systemd/system/*.timer; do
  lines systemd-timer "$file" '^(On[A-Z][A-Za-z]+|Unit)='
done
for file in "$root"/etc/crontab "$root"/etc/cron.d/* "$root"/var/spool/cron/* "$root"/var/spool/cron/crontabs/*; do
  lines cron "$file"
done
# The first lines of these are the shell's; what they do is in the files themselves.
for file in "$root"/etc/cron.{hourly,daily,weekly,monthly}/* "$root"/etc/rc.local "$root"/var/spool/at/*; do
  lines script "$file" 'curl|wget|base64|/dev/tcp/|/tmp/|/dev/shm/|nc -e|bash -i'
done
for file in "$root"/etc/profile "$root"/etc/profile.d/*.sh "$root"/etc/bash.bashrc \
  "$root"/root/.{bashrc,bash_profile,profile} "$root"/home/*/.{bashrc,bash_profile,profile,zshrc}; do
  lines shell-profile "$file" 'curl|wget|base64|/dev/tcp/|/tmp/|/dev/shm/|LD_PRELOAD|nc -e|bash -i'
done
lines preload "$root/etc/ld.so.preload"
for file in "$root"/etc/udev/rules.d/*.rules; do
  lines udev "$file" 'RUN\+?='
done
for file in "$root"/root/.ssh/authorized_keys "$root"/home/*/.ssh/authorized_keys; do
  lines ssh-forced-command "$file" 'command="'
done

printf '{"entries":%d,"marked":%d,"first":[%s]}\n' "$entries" "$marked" "$shown"
