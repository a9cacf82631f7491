#!/usr/bin/env bash
#
# Collects what a responder asks for first on a Linux server into one archive:
# processes, listening sockets, accounts, SSH keys, scheduled jobs, units, fresh files, log tails.
#
#   triage-linux.sh [--log-lines N]   writes /var/lib/svar-triage/triage.tar.gz
#   triage-linux.sh --remove          removes that folder again
#
# It changes nothing but its own folder, uses no network, and copies no password hash and no
# private key. Processes and sockets come from the kernel's tables, because an intruder may have
# replaced `ps` and `ss`. The last line says TRIAGE-COMPLETE, with the archive's SHA-256.
#
# SVAR_DEVICE_ROOT names the root to look at, for a mounted disk image or a rehearsal; empty means `/`.

set -euo pipefail
umask 077
export LC_ALL=C

readonly root=${SVAR_DEVICE_ROOT:-}
readonly work=$root/var/lib/svar-triage
readonly facts=$work/facts
readonly archive=$work/triage.tar.gz

# No single file may make the archive large: a copy ends here, a list after this many lines.
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

# One line without control characters, so that no name can forge a second row of a table.
plain() {
  printf '%s' "${1//[[:cntrl:]]/ }"
}

# The text of a small file, or nothing.
text() {
  [[ ! -r $1 ]] || plain "$(head -c 4096 -- "$1" 2>/dev/null | tr '\0' ' ' || true)"
}

bounded() {
  awk -v max="$list_lines_max" 'NR <= max { print } END { if (NR > max) print "(cut after " max " of " NR " lines)" }'
}

# Copies the first or last bytes of a regular file; links are not followed out of the place looked at.
copy() {
  local from=$1 to=$2
  if [[ -L $from || ! -f $from ]]; then
    return 0
  fi
  mkdir -p -- "${to%/*}"
  head -c "$copy_bytes_max" -- "$from" >"$to" 2>/dev/null || note "${from#"$root"}" 'could not be read'
}

host_facts() {
  printf 'collected\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
  printf 'name\t%s\n' "$(text "$root/etc/hostname")"
  printf 'kernel\t%s\n' "$(text "$root/proc/version")"
  printf 'uptime seconds\t%s\n' "$(text "$root/proc/uptime")"
  sed -n 's/^PRETTY_NAME=/system\t/p' "$root/etc/os-release" 2>/dev/null || true
}

processes() {
  printf 'pid\tparent\tuser id\tname\texecutable\tcommand line\n'
  local folder key value name parent uid executable
  for folder in "$root"/proc/[0-9]*; do
    name='' parent='' uid=''
    # A process may end while it is being read; then it is left out.
    {
      while read -r key value _; do
        case $key in
          Name:) name=$value ;;
          PPid:) parent=$value ;;
          Uid:) uid=$value ;;
        esac
      done <"$folder/status"
    } 2>/dev/null || continue
    executable=$(readlink -- "$folder/exe" 2>/dev/null || true)
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "${folder##*/}" "$parent" "$uid" "$name" \
      "${executable//[[:cntrl:]]/ }" "$(text "$folder/cmdline")"
  done | sort -n
}

# The kernel writes addresses as hexadecimal words in the device's byte order.
address() {
  local hex=$1 word text=''
  if ((${#hex} == 8)); then
    printf '%d.%d.%d.%d' "0x${hex:6:2}" "0x${hex:4:2}" "0x${hex:2:2}" "0x${hex:0:2}"
    return
  fi
  for word in 0 8 16 24; do
    text+=${hex:word+6:2}${hex:word+4:2}:${hex:word+2:2}${hex:word:2}:
  done
  printf '[%s]' "${text%:}"
}

sockets() {
  printf 'protocol\taddress\tport\tuser id\tpid\n'
  local -A owner=()
  local path link protocol local_end state uid inode
  while IFS=$'\t' read -r path link; do
    path=${path#"$root/proc/"}
    owner[${link//[!0-9]/}]=${path%%/*}
  done < <(find "$root"/proc/[0-9]*/fd -lname 'socket:*' -printf '%p\t%l\n' 2>/dev/null || true)
  for protocol in tcp tcp6 udp udp6; do
    [[ -r $root/proc/net/$protocol ]] || continue
    while read -r _ local_end _ state _ _ _ uid _ inode _; do
      # 0A is LISTEN; 07 is an unconnected UDP socket; the heading line has neither.
      [[ $state == 0A || ($protocol == udp* && $state == 07) ]] || continue
      printf '%s\t%s\t%d\t%s\t%s\n' "$protocol" "$(address "${local_end%:*}")" \
        "0x${local_end##*:}" "$uid" "${owner[$inode]:-}"
    done <"$root/proc/net/$protocol"
  done
}

# Whether an account has a password matters; the hash itself stays on the device.
accounts() {
  printf 'name\tuser id\tgroup id\thome\tshell\tpassword\n'
  local -A password=()
  local name secret uid gid home shell state
  if [[ -r $root/etc/shadow ]]; then
    while IFS=: read -r name secret _; do
      case $secret in
        '') state='empty' ;;
        '!'* | '*'*) state='locked' ;;
        *) state='set' ;;
      esac
      password[$name]=$state
    done <"$root/etc/shadow"
  fi
  [[ -r $root/etc/passwd ]] || return 0
  while IFS=: read -r name _ uid gid _ home shell; do
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$uid" "$gid" "$home" "$shell" "${password[$name]:-unknown}"
  done <"$root/etc/passwd"
}

homes() {
  [[ -r $root/etc/passwd ]] || return 0
  awk -F: '$6 ~ /^\/./ && $6 !~ /\.\./ { print $6 }' "$root/etc/passwd" | sort -u
}

authorized_keys() {
  printf 'file\tline\tentry\n'
  local home file number line
  while read -r home; do
    for file in "$root$home"/.ssh/authorized_keys "$root$home"/.ssh/authorized_keys2; do
      # A user may point a link at a file that only root can read; it is named, not followed.
      if [[ -L $file ]]; then
        note "${file#"$root"}" 'is a symbolic link'
        continue
      fi
      [[ -f $file && -r $file ]] || continue
      number=0
      while IFS= read -r line || [[ -n $line ]]; do
        number=$((number + 1))
        [[ -z $line || $line == '#'* ]] || printf '%s\t%d\t%s\n' "${file#"$root"}" "$number" "$(plain "$line")"
      done <"$file"
    done
  done < <(homes)
}

copy_scheduled_jobs() {
  local file
  for file in "$root"/etc/crontab "$root"/etc/cron.{d,hourly,daily,weekly,monthly}/* \
    "$root"/var/spool/cron/* "$root"/var/spool/cron/crontabs/* "$root"/var/spool/at/*; do
    copy "$file" "$facts/jobs${file#"$root"}"
  done
}

copy_units() {
  local file
  for file in "$root"/etc/systemd/system/*.{service,timer,path} "$root"/etc/rc.local \
    "$root"/etc/ld.so.preload "$root"/etc/sudoers "$root"/etc/sudoers.d/*; do
    copy "$file" "$facts/units${file#"$root"}"
  done
}

fresh_files() {
  printf 'changed (UTC)\tmode\towner\tbytes\tfile\n'
  local places=() place
  for place in etc usr/local/bin usr/local/sbin tmp var/tmp dev/shm; do
    [[ ! -d $root/$place ]] || places+=("$root/$place")
  done
  ((${#places[@]} > 0)) || return 0
  # `%p` last: whatever a name holds, it cannot shift another column.
  TZ=UTC find "${places[@]}" -xdev -maxdepth 4 -type f -mtime -7 \
    -printf '%TY-%Tm-%TdT%TH:%TM\t%m\t%U\t%s\t%p\n' 2>/dev/null | sort -r || true
}

copy_log_tails() {
  local name file
  for name in auth.log secure syslog messages audit/audit.log cron; do
    file=$root/var/log/$name
    [[ -f $file && ! -L $file ]] || continue
    mkdir -p -- "$facts/logs"
    tail -n "$log_lines" -- "$file" 2>/dev/null | tail -c "$copy_bytes_max" >"$facts/logs/${name//\//-}" ||
      note "/var/log/$name" 'could not be read'
  done
  # Only the device itself knows its journal; a mounted image is read with its own tools.
  if [[ -z $root ]] && command -v journalctl >/dev/null; then
    mkdir -p -- "$facts/logs"
    timeout 60 journalctl --no-pager --quiet --output=short-iso --lines="$log_lines" 2>/dev/null |
      tail -c "$copy_bytes_max" >"$facts/logs/journal" || note journal 'could not be read in 60 s'
  fi
}

manifest() {
  printf 'sha256\tbytes\tfile\n'
  local file sum
  while IFS= read -r file; do
    read -r sum _ < <(sha256sum -- "$file")
    printf '%s\t%d\t%s\n' "$sum" "$(wc -c <"$file")" "${file#./}"
  done < <(find . -type f ! -name manifest.tsv | sort)
}

# Hidden files are looked at, too: that is where one hides.
shopt -s nullglob dotglob
remove_work
mkdir -p -- "$facts"
cd -- "$facts"

host_facts | bounded >host.tsv
processes | bounded >processes.tsv
sockets | bounded >sockets.tsv
accounts | bounded >accounts.tsv
authorized_keys | bounded >authorized-keys.tsv
fresh_files | bounded >fresh-files.tsv
copy_scheduled_jobs
copy_units
copy_log_tails
manifest >manifest.tsv

# Named at the end: a half-written archive must never look like a whole one.
tar -C "$work" -czf "$archive.partial" facts
mv -- "$archive.partial" "$archive"
rm -rf -- "$facts"

read -r sum _ < <(sha256sum -- "$archive")
printf 'TRIAGE-COMPLETE bytes=%d sha256=%s\n' "$(wc -c <"$archive")" "$sum"
