#!/usr/bin/env bash
#
# Finds one SSH key in the authorized_keys files of every account, and removes it.
#
#   authorized-key.sh --fingerprint SHA256:…            counts it, changes nothing
#   authorized-key.sh --fingerprint SHA256:… --remove   takes it out, after a copy of each file
#   authorized-key.sh --discard-copies                  removes the copies again
#
# The fingerprint is what sshd writes to its log when the key is used. Each call answers with one
# line of JSON. Before the first change, the files are copied to
# /var/lib/svar-authorized-key/before.tar.gz; a file keeps its mode and owner when it is rewritten.
#
# SVAR_DEVICE_ROOT names the root to look at, for a rehearsal; empty means `/`.

set -euo pipefail
umask 077
export LC_ALL=C

readonly root=${SVAR_DEVICE_ROOT:-}
readonly work=$root/var/lib/svar-authorized-key

fingerprint=''
action='find'

fail() {
  printf 'AUTHORIZED-KEY-FAILED %s\n' "$1" >&2
  exit 1
}

while (($# > 0)); do
  case $1 in
    --fingerprint)
      (($# > 1)) || fail '--fingerprint wants a value'
      fingerprint=$2
      shift 2
      ;;
    --remove)
      action=remove
      shift
      ;;
    --discard-copies)
      action=discard
      shift
      ;;
    *) fail "unknown argument: $1" ;;
  esac
done

# A link in the folder's place would send root's writes elsewhere.
[[ ! -L $work ]] || fail "$work is a symbolic link"

if [[ $action == discard ]]; then
  rm -rf -- "$work"
  printf '{"discarded":true}\n'
  exit 0
fi

[[ $fingerprint =~ ^SHA256:[A-Za-z0-9+/]{43}$ ]] || fail 'the fingerprint is not of the form SHA256:<43 characters>'

# The fingerprint of a key's base64 text, as ssh-keygen prints it; that tool may be missing.
fingerprint_of() {
  local hex bytes
  hex=$(printf '%s' "$1" | base64 -d 2>/dev/null | sha256sum)
  bytes=$(fold -w 2 <<<"${hex%% *}" | sed 's/^/\\x/' | tr -d '\n')
  printf 'SHA256:%s' "$(printf '%b' "$bytes" | base64 | tr -d '=\n')"
}

# The base64 text of a line of authorized_keys: the word after the key's type. Options may stand
# before the type; what is quoted in them may look like a key and must not be taken for one.
key_of() {
  local line=$1
  local quoted='^([^"]*)"([^"\\]|\\.)*"(.*)$'
  local key='(^|[[:space:],])(ssh-[a-z0-9]+|ecdsa-[a-z0-9-]+|sk-[a-z0-9@.-]+)[[:space:]]+([A-Za-z0-9+/]+=*)'
  while [[ $line =~ $quoted ]]; do
    line=${BASH_REMATCH[1]}${BASH_REMATCH[3]}
  done
  if [[ $line =~ $key ]]; then
    printf '%s' "${BASH_REMATCH[3]}"
  fi
}

is_wanted() {
  local key
  [[ $1 != '#'* ]] || return 1
  key=$(key_of "$1")
  [[ -n $key && $(fingerprint_of "$key") == "$fingerprint" ]]
}

# Root's home first; a path with `..` in the account table is not followed.
files() {
  local home
  awk -F: '$6 ~ /^\/./ && $6 !~ /\.\./ { print $6 }' "$root/etc/passwd" 2>/dev/null | sort -u |
    while read -r home; do
      printf '%s\n' "$root$home/.ssh/authorized_keys" "$root$home/.ssh/authorized_keys2"
    done
}

matches=0
found=()
while read -r file; do
  # What a user has turned into a link is not followed: root would write where it leads.
  [[ -f $file && -r $file && ! -L $file && ! -L ${file%/*} ]] || continue
  here=0
  while IFS= read -r line || [[ -n $line ]]; do
    ! is_wanted "$line" || here=$((here + 1))
  done <"$file"
  if ((here > 0)); then
    matches=$((matches + here))
    found+=("$file")
  fi
done < <(files)

if [[ $action == remove ]] && ((matches > 0)); then
  mkdir -p -- "$work"
  # The copy of the first change is the one that counts; a repeated removal must not replace it.
  if [[ ! -e $work/before.tar.gz ]]; then
    tar -C "${root:-/}" -czf "$work/before.partial" -- "${found[@]/#"$root"\//}"
    mv -- "$work/before.partial" "$work/before.tar.gz"
  fi
  # Each file is made anew in a folder that only root can touch, and takes the old one's place whole.
  for file in "${found[@]}"; do
    cp -p -- "$file" "$work/after"
    while IFS= read -r line || [[ -n $line ]]; do
      is_wanted "$line" || printf '%s\n' "$line"
    done <"$file" >"$work/after"
    mv -f -- "$work/after" "$file"
  done
fi

printf '{"action":"%s","matches":%d,"files":%d}\n' "$action" "$matches" "${#found[@]}"
