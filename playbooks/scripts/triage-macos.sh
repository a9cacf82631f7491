#!/bin/bash
#
# Collects what a responder asks for first on a Mac into one archive: processes, listening
# sockets, accounts, launch agents and daemons, cron jobs, SSH keys, download history, log tails.
#
#   triage-macos.sh [--log-lines N]   writes /private/var/svar-triage/triage.tar.gz
#   triage-macos.sh --remove          removes that folder again
#
# It changes nothing but its own folder, uses no network, and copies no keychain and no private
# key. It keeps to bash 3.2, which is what macOS ships. The last line says TRIAGE-COMPLETE.
#
# SVAR_DEVICE_ROOT names the root to look at, for a mounted disk image or a rehearsal; empty means `/`.
# Only a live device is asked for processes, sockets and loaded jobs.

set -euo pipefail
umask 077
export LC_ALL=C

readonly root=${SVAR_DEVICE_ROOT:-}
readonly work=$root/private/var/svar-triage
readonly facts=$work/facts
readonly archive=$work/triage.tar.gz
readonly copy_bytes_max=1048576
readonly list_lines_max=5000

log_lines=200
action=collect

fail() {
  printf 'TRIAGE-FAILED %s\n' "$1" >&2
  exit 1
}

while (($# > 0)); do
  case $1 in
    --log-lines)
      (($# > 1)) || fail '--log-lines wants a number'
      log_lines=$2
      shift 2
      ;;
    --remove)
      action=remove
      shift
      ;;
    *) fail "unknown argument: $1" ;;
  esac
done
[[ $log_lines =~ ^[0-9]{1,5}$ ]] || fail '--log-lines wants a number from 0 to 99999'

# The folder belongs to this script alone. A link in its place would send root's writes elsewhere.
remove_work() {
  [[ ! -L $work ]] || fail "$work is a symbolic link"
  rm -rf -- "$work"
}

if [[ $action == remove ]]; then
  remove_work
  printf 'TRIAGE-REMOVED\n'
  exit 0
fi

# What could not be read is said in the archive: a gap must not look like an empty answer.
note() {
  printf '%s\t%s\n' "$1" "$2" >>"$facts/notes.tsv"
}

bounded() {
  awk -v max="$list_lines_max" 'NR <= max { print } END { if (NR > max) print "(cut after " max " of " NR " lines)" }'
}

copy() {
  local from=$1 to=$2
  if [[ -L $from || ! -f $from ]]; then
    return 0
  fi
  mkdir -p -- "${to%/*}"
  head -c "$copy_bytes_max" -- "$from" >"$to" 2>/dev/null || note "${from#"$root"}" 'could not be read'
}

# Asks a tool of the live device; its absence or failure is a line in the notes.
ask() {
  local to=$1
  shift
  if [[ -n $root ]]; then
    note "$1" 'not asked: the device is not live'
  elif ! command -v "$1" >/dev/null; then
    note "$1" 'is not there'
  else
    { "$@" 2>/dev/null || note "$1" 'ended with an error'; } | bounded >"$facts/$to"
  fi
}

sha256() {
  if command -v shasum >/dev/null; then
    shasum -a 256 -- "$1"
  else
    sha256sum -- "$1"
  fi | cut -c 1-64
}

host_facts() {
  printf 'collected\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
  # In the property list a key and its value stand on lines of their own.
  awk -F '[<>]' '
    /<key>Product(Name|Version|BuildVersion)<\/key>/ { key = $3; getline; print key "\t" $3 }
  ' "$root/System/Library/CoreServices/SystemVersion.plist" 2>/dev/null || true
}

authorized_keys() {
  printf 'file\tentry\n'
  local file line
  for file in "$root"/Users/*/.ssh/authorized_keys "$root"/private/var/root/.ssh/authorized_keys; do
    # A user may point a link at a file that only root can read; it is named, not followed.
    if [[ -L $file ]]; then
      note "${file#"$root"}" 'is a symbolic link'
      continue
    fi
    [[ -f $file && -r $file ]] || continue
    while IFS= read -r line || [[ -n $line ]]; do
      [[ -z $line || $line == '#'* ]] || printf '%s\t%s\n' "${file#"$root"}" "${line//[[:cntrl:]]/ }"
    done <"$file"
  done
}

# Everything launchd starts on its own, and cron, which still runs.
copy_persistence() {
  local file
  for file in "$root"/Library/Launch{Agents,Daemons}/*.plist "$root"/Users/*/Library/LaunchAgents/*.plist \
    "$root"/private/var/at/tabs/* "$root"/etc/crontab "$root"/private/etc/{crontab,sudoers} \
    "$root"/private/etc/{periodic.conf,rc.common} "$root"/private/etc/sudoers.d/*; do
    copy "$file" "$facts/persistence${file#"$root"}"
  done
}

# Which file came from which address: the record Gatekeeper keeps for each user.
copy_download_history() {
  local file
  for file in "$root"/Users/*/Library/Preferences/com.apple.LaunchServices.QuarantineEventsV2; do
    copy "$file" "$facts/downloads${file#"$root"}"
  done
}

copy_log_tails() {
  local name file
  for name in system.log install.log wifi.log; do
    file=$root/private/var/log/$name
    [[ -f $file && ! -L $file ]] || continue
    mkdir -p -- "$facts/logs"
    tail -n "$log_lines" -- "$file" 2>/dev/null | tail -c "$copy_bytes_max" >"$facts/logs/$name" ||
      note "/private/var/log/$name" 'could not be read'
  done
}

manifest() {
  printf 'sha256\tbytes\tfile\n'
  local file
  find . -type f ! -name manifest.tsv | sort | while IFS= read -r file; do
    printf '%s\t%d\t%s\n' "$(sha256 "$file")" "$(wc -c <"$file")" "${file#./}"
  done
}

# Hidden files are looked at, too: that is where one hides.
shopt -s nullglob dotglob
remove_work
mkdir -p -- "$facts"
cd -- "$facts"

host_facts >host.tsv
authorized_keys | bounded >authorized-keys.tsv
ask processes.txt ps -axo pid,ppid,user,lstart,comm,args
ask sockets.txt lsof -nP -iTCP -sTCP:LISTEN
ask accounts.txt dscl . -list /Users UniqueID
ask administrators.txt dscl . -read /Groups/admin GroupMembership
ask launch-jobs.txt launchctl list
ask system-extensions.txt systemextensionsctl list
ask profiles.txt profiles list -all
copy_persistence
copy_download_history
copy_log_tails
manifest >manifest.tsv

# Named at the end: a half-written archive must never look like a whole one.
tar -C "$work" -czf "$archive.partial" facts
mv -- "$archive.partial" "$archive"
rm -rf -- "$facts"

printf 'TRIAGE-COMPLETE bytes=%d sha256=%s\n' "$(wc -c <"$archive")" "$(sha256 "$archive")"
