#!/usr/bin/env bash
# Breaks one rule of the code at a time, in a copy of the repository, and shows which test notices.
# Prints a table: name of the mutation, file, verdict. Fails if a mutation survives, does not build, or
# if the text that it replaces is not found any more. Needs bash, perl and the Rust toolchain.
#
#     ./tests/mutations.sh                all mutations
#     ./tests/mutations.sh NAME ...       these alone
#     ./tests/mutations.sh --find         only looks for the text that each one replaces: takes a second
#
# Not part of `.ci/test`: each mutation costs a build of what depends on the changed crate. Builds go to
# a target folder of their own (SVAR_MUTANTS, by default target/mutants), which the next call uses again.
set -uo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." || exit 1

store=${SVAR_MUTANTS:-$PWD/target/mutants}
copy=$store/tree
export CARGO_TARGET_DIR=$store/target RUST_BACKTRACE=0 INSTA_UPDATE=no CARGO_TERM_COLOR=never
export SVAR_SEEDS=${SVAR_SEEDS:-10000}
find_only=false
if [[ ${1:-} == --find ]]; then
    find_only=true
    shift
fi
wanted=("$@")
killed=0
failed=0

# Files that differ from the copy are written anew with a new time, so that cargo builds no more than
# what changed: first what the last call left mutated, then what was edited since.
refresh() {
    mkdir -p -- "$copy"
    local name
    for name in src crates tests benches schema playbooks docs Cargo.toml Cargo.lock README.md; do
        if [[ -d $name ]]; then
            (cd -- "$name" && find . -type f -print0) | while IFS= read -r -d '' file; do
                cmp -s -- "$name/$file" "$copy/$name/$file" || {
                    mkdir -p -- "$(dirname -- "$copy/$name/$file")"
                    cp -- "$name/$file" "$copy/$name/$file"
                }
            done
            (cd -- "$copy/$name" && find . -type f -print0) | while IFS= read -r -d '' file; do
                [[ -e $name/$file ]] || rm -- "$copy/$name/$file"
            done
        else
            cmp -s -- "$name" "$copy/$name" || cp -- "$name" "$copy/$name"
        fi
    done
}

row() { # NAME FILE VERDICT
    printf '%-46s | %-48s | %s\n' "$1" "$2" "$3"
}

# The tests of the binary `all` are built with no more than the modules that they need.
keep_modules() {
    local main=$copy/tests/all/main.rs module text
    text='#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, dead_code)]'
    for module in "$@"; do text+=$'\n'"mod $module;"; done
    [[ $(<"$main") == "$text" ]] || printf '%s\n' "$text" >"$main"
}

# test_one SUITE: runs one suite on the copy and says why it failed. A suite is PACKAGE:FILTER,
# for the binary `all` of the root package all/MODULE[+MODULE]:FILTER.
# 0: the mutant survives; 1: it is killed; 2: it does not build.
test_one() {
    local suite=${1%%:*} filter=${1#*:} out=$store/out.txt run
    case $suite in
        all/*)
            local modules=${suite#all/}
            # shellcheck disable=SC2086
            keep_modules ${modules//+/ }
            run=(cargo test --locked --quiet --package svar --test all)
            ;;
        *) run=(cargo test --locked --quiet --package "$suite" --tests) ;;
    esac
    if ! (cd -- "$copy" && "${run[@]}" --no-run) >"$out" 2>&1; then
        tail -n 20 -- "$out" >&2
        return 2
    fi
    if (cd -- "$copy" && "${run[@]}" -- --include-ignored "$filter") >"$out" 2>&1; then
        # A filter that no test fits kills nothing, ever.
        grep -qE '^running [1-9]' "$out" || { echo "no test for $1" >&2; return 2; }
        return 0
    fi
    local seed why
    seed=$(grep -oE 'seeds \[[0-9]+' "$out" | head -n 1 | tr -dc '0-9')
    why=$(grep -oE '^    [a-z_0-9:]+$' "$out" | sort -u | head -n 1 | tr -d ' ')
    killer="$why${seed:+, seed $seed}"
    return 1
}

# mutate NAME FILE SUITES OLD NEW: the text OLD stands in FILE, once or more; the first becomes NEW.
# The suites are run in this order until one fails.
mutate() {
    local name=$1 file=$2 suites=$3 suite status killer=
    [[ ${#wanted[@]} == 0 || " ${wanted[*]} " == *" $name "* ]] || return 0
    if [[ ! -e $file ]] || ! OLD=$4 perl -0ne 'exit(index($_, $ENV{OLD}) < 0)' "$file"; then
        row "$name" "$file" 'NOT FOUND'
        failed=$((failed + 1))
        return 0
    fi
    if $find_only; then
        return 0
    fi
    OLD=$4 NEW=$5 perl -0pi -e 's/\Q$ENV{OLD}\E/$ENV{NEW}/' "$copy/$file"
    local verdict=SURVIVED
    for suite in $suites; do
        test_one "$suite"
        status=$?
        case $status in
            1) verdict="killed by $killer" ;;
            2) verdict='DOES NOT BUILD' ;;
        esac
        [[ $status == 0 ]] || break
    done
    cp -- "$file" "$copy/$file"
    row "$name" "$file" "$verdict"
    if [[ $verdict == killed* ]]; then killed=$((killed + 1)); else failed=$((failed + 1)); fi
}

$find_only || refresh
row NAME FILE VERDICT

mutate resend-after-5xx src/engine/lane.rs \
    'return Err("no start of it awaits an answer");
            }
            let settled = at + VISIBILITY_LAG;
            enter(progress, Stage::Doubtful { settled }, at);' \
    'return Err("no start of it awaits an answer");
            }
            start_again(ground, progress, at, Duration::ZERO);'
mutate forget-the-tag-search src/driver/client/actions.rs \
    'here && find_tag(comment).as_ref() == Some(tag)' \
    'here && find_tag(comment).as_ref() == Some(tag) && false'
mutate ignore-the-visibility-lag src/engine/course.rs \
    'VISIBILITY_LAG: Duration = Duration::from_secs(120)' \
    'VISIBILITY_LAG: Duration = Duration::from_secs(0)'
mutate adopt-a-foreign-action src/driver/client/actions.rs \
    'here && find_tag(comment).as_ref() == Some(tag)' \
    'here && (find_tag(comment).is_some() || tag.as_str().is_empty())'
mutate resumed-start-was-not-sent src/engine/course.rs \
    'enter(progress, Stage::Doubtful { settled }, at);
    }
}' \
    'let _ = settled;
        progress.attempt += 1;
        enter(progress, Stage::Idle, at);
    }
}'
mutate journal-after-send src/driver/run/commit.rs \
    'let due = !self.to_send.is_empty()
            || self.obeyed' \
    'let due = self.obeyed'
mutate skip-cleanup-after-failure src/engine/course.rs \
    'CleanupWhen::Always => true,' \
    'CleanupWhen::Always => progress.trouble.is_none(),'
mutate forget-the-debt src/engine/course.rs \
    'progress.debt |= !progress.in_cleanup(ground) && progress.leaves_traces(ground);' \
    'progress.debt |= progress.in_cleanup(ground);'
mutate go-on-after-failure src/engine/course.rs \
    'if progress.trouble.is_none() && kind == Some(SessionKind::Main) {' \
    'if kind == Some(SessionKind::Main) {'
mutate one-slot-too-many src/engine/grant.rs \
    'held < self.quota.slots(now)' \
    'held <= self.quota.slots(now)'
mutate one-start-too-many src/engine/quota.rs \
    'per_minute: per_minute.max(1) as usize,
            taken: Vec::new(),' \
    'per_minute: per_minute as usize + 1,
            taken: Vec::new(),'
mutate starts-count-from-their-sending src/engine/quota.rs \
    'entry.1 = at;
            entry.2 = false;
        }
    }

    /// What a process' \
    'entry.2 = false;
        }
    }

    /// What a process'
mutate pending-holds-no-slot src/engine/progress.rs \
    'Stage::Announced | Stage::Doubtful { .. } | Stage::Open(_)
        )
    }' \
    'Stage::Open(_)
        )
    }'
mutate forget-an-action-after-cancel src/engine/lane.rs \
    'let failed = match body {' \
    'if matches!(body, FactBody::CancelAnswered { .. }) {
                enter(progress, Stage::Done, at);
                return Ok(());
            }
            let failed = match body {'
mutate retry-past-the-limit src/engine/outcome.rs \
    'progress.retries < retry.max' \
    'progress.retries <= retry.max'
mutate fetch-no-results src/engine/course.rs \
    'let (wanted, if_failed) = outcome::wanted(ground, progress, &fates, failed);' \
    'let (_, if_failed) = outcome::wanted(ground, progress, &fates, failed);
    let wanted = Vec::new();'
mutate grant-beside-a-record src/engine/turn.rs \
    'if !self.orders.lost && needs.is_empty() {' \
    'if !self.orders.lost {'
mutate start-after-interrupt src/engine/want.rs \
    'if orders.interrupts > 1
        || (orders.interrupts > 0 && (!cleanup || asleep || outlook.over_for_today))
    {' \
    'if orders.interrupts > 2 {'
mutate an-old-report-wakes-a-sleeper src/driver/run/calls/devices.rs \
    'seen.is_some_and(|seen| seen > after)' \
    'seen.is_some_and(|seen| seen > after || seen <= after)'
mutate a-sleeper-is-never-seen-anew src/driver/run/calls/devices.rs \
    'seen.is_some_and(|seen| seen > after)' \
    'seen.is_some_and(|seen| seen > after) && false'
mutate sleepers-keep-their-slots src/engine/sleepers.rs \
    'let count = beyond.max(wanted);' \
    'let count = beyond.max(wanted) * 0;'
mutate begin-after-the-hours src/engine/want.rs \
    'if outlook.after_hours && queued {' \
    'if outlook.after_hours && queued && orders.lost {'
mutate stop-above-the-threshold src/engine/stop.rs \
    'self.failed > 0 && self.failed >= threshold,' \
    'self.failed > threshold,'
mutate begin-outside-the-hours src/engine/grant.rs \
    'if self.hours_allow_at(now) > now {
            return;' \
    'if now < self.now {
            return;'
mutate main-work-after-an-abort src/engine/course.rs \
    'stopped.how == OnStop::Abort' \
    'stopped.how != stopped.how'
mutate start-a-cleanup-given-up src/engine/course.rs \
    'if progress.waived && progress.in_cleanup(ground) {
        return enter(progress, Stage::Done, at);
    }
    match' \
    'match'
mutate search-by-our-own-clock src/driver/client/actions.rs \
    "\"machineId eq {} and type eq 'LiveResponse'\",
            literal(device.as_str())" \
    "\"machineId eq {} and type eq 'LiveResponse' and creationDateTimeUtc ge {}\",
            literal(device.as_str()),
            instant(self.clock().now() - CLOCK_SKEW)"
mutate give-up-a-device-that-sleeps-over-its-cancel src/engine/want.rs \
    '(true, false) => GiveUp::Device,' \
    '(true, false) => GiveUp::Cancel,'
mutate stay-for-the-hours src/engine/want.rs \
    'asleep || outlook.over_for_today' \
    'asleep'
mutate an-expired-start-is-a-failure src/driver/run/calls/watch.rs \
    'gives_up && !is_cancelled && created' \
    'gives_up && is_cancelled && created'

if $find_only; then
    echo "$failed mutations were not found"
else
    echo "$((killed + failed)) mutations: $killed killed, $failed not"
fi
((failed == 0))
