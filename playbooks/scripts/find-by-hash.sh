#!/usr/bin/env bash
#
# Finds files whose SHA-256 is on a list.
#
#   find-by-hash.sh TOKEN
#
# TOKEN is the base64url form of a JSON object, which no shell touches on its way:
# {"hashes":["<64 hexadecimal digits>",…],"folders":["/tmp",…],"max_mib":64}
#
# It prints one line of JSON: how many files were read, and the path and hash of each that matched.
# It changes nothing, stays on the file systems it is pointed at, and follows no links.
#
# SVAR_DEVICE_ROOT names the root to look at, for a mounted disk image or a rehearsal; empty means `/`.

set -euo pipefail
export LC_ALL=C

readonly root=${SVAR_DEVICE_ROOT:-}
# More matches than this are counted, but not named: the answer stays readable.
readonly named_max=200

fail() {
  printf 'FIND-BY-HASH-FAILED %s\n' "$1" >&2
  exit 1
}

(($# == 1)) || fail 'wants exactly one argument, the token'

# base64url leaves the padding out, and writes two characters of its own.
token=$1
while ((${#token} % 4 > 0)); do
  token+='='
done
json=$(tr '_-' '/+' <<<"$token" | base64 -d 2>/dev/null) || fail 'the token is not base64url'

# Which parts of the object are wanted is plain enough to be read without a JSON parser, which a
# server may not have: hashes are 64 digits, folders are texts that begin with a slash. A path with
# a quote or a backslash in it would need a real parser, and is refused.
[[ $json != *\\* ]] || fail 'a backslash in a folder is not understood'
mapfile -t hashes < <(grep -oiE '"[0-9a-f]{64}"' <<<"$json" | tr -d '"' | tr 'A-F' 'a-f' | sort -u)
mapfile -t folders < <(grep -oE '"/[^"]*"' <<<"$json" | tr -d '"')
max_mib=$(sed -nE 's/.*"max_mib":([0-9]{1,5})[,}].*/\1/p' <<<"$json")
((${#hashes[@]} > 0)) || fail 'the list of hashes is empty'
((${#folders[@]} > 0)) || fail 'the list of folders is empty'
[[ -n $max_mib ]] || fail 'max_mib is missing'

declare -A wanted=()
for hash in "${hashes[@]}"; do
  wanted[$hash]=1
done

places=()
for folder in "${folders[@]}"; do
  [[ $folder != *..* ]] || fail "a folder must not contain two dots: $folder"
  [[ ! -d $root$folder ]] || places+=("$root$folder")
done

# A path as a JSON text: quotes and backslashes escaped, control characters replaced.
quoted() {
  local text=${1//[[:cntrl:]]/?}
  text=${text//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

read_files=0
matched=0
named=''
if ((${#places[@]} > 0)); then
  # sha256sum marks a line with a backslash when the name needed escaping; -z avoids both.
  while IFS= read -r -d '' line; do
    read_files=$((read_files + 1))
    hash=${line%% *}
    [[ -n ${wanted[$hash]:-} ]] || continue
    matched=$((matched + 1))
    ((matched <= named_max)) || continue
    path=${line:66}
    named+=${named:+,}'{"path":'$(quoted "${path#"$root"}")',"sha256":"'$hash'"}'
  done < <(find "${places[@]}" -xdev -type f -size "-$((max_mib * 2048 + 1))b" -print0 2>/dev/null |
    xargs -0 -r sha256sum -z -- 2>/dev/null || true)
fi

printf '{"files_read":%d,"matched":%d,"matches":[%s]}\n' "$read_files" "$matched" "$named"
