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
few_seeds=500
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

# test_one SUITE: runs one suite on the copy and says why it failed. A suite is BINARY:FILTER, for the
# binary `all` of the root package all/MODULE[+MODULE]:FILTER, for unit tests lib/PACKAGE:FILTER. Else no
# package is named: outside crates then have the features of the whole workspace, and are built once.
# 0: the mutant survives; 1: it is killed; 2: it does not build.
test_one() {
    local suite=${1%%:*} filter=${1#*:} out=$store/out.txt run
    case $suite in
        all/*)
            local modules=${suite#all/}
            # shellcheck disable=SC2086
            keep_modules ${modules//+/ }
            run=(cargo test --locked --quiet --test all)
            ;;
        lib/*) run=(cargo test --locked --quiet --lib --package "${suite#lib/}") ;;
        *) run=(cargo test --locked --quiet --test "$suite") ;;
    esac
    if ! (cd -- "$copy" && "${run[@]}" --no-run) >"$out" 2>&1; then
        tail -n 20 -- "$out" >&2
        return 2
    fi
    # Most mutations show in a few seeds, and a run of all seeds goes on after a test has failed.
    local seeds
    for seeds in $few_seeds "$SVAR_SEEDS"; do
        if ! (cd -- "$copy" && SVAR_SEEDS=$seeds "${run[@]}" -- --include-ignored "$filter") >"$out" 2>&1; then
            name_killer "$out"
            return 1
        fi
        # A filter that no test fits kills nothing, ever.
        grep -qE '^running [1-9]' "$out" || { echo "no test for $1" >&2; return 2; }
        [[ $filter == *simulation* || $suite == engine ]] || break
    done
    return 0
}

# name_killer OUTPUT: finds the test that failed, with its seed.
name_killer() {
    local seed why
    seed=$(grep -oE 'seeds \[[0-9]+' "$1" | head -n 1 | tr -dc '0-9')
    why=$(grep -oE '^    [a-z_0-9:]+$' "$1" | sort -u | head -n 1 | tr -d ' ')
    killer="$why${seed:+, seed $seed}"
}

# mutate NAME FOLDER SUITES OLD NEW: the text OLD stands in one file below FOLDER, once or more; the first
# becomes NEW. The suites are run in this order until one fails.
mutate() {
    local name=$1 file suites=$3 suite status killer=
    [[ ${#wanted[@]} == 0 || " ${wanted[*]} " == *" $name "* ]] || return 0
    file=$(cd -- "$($find_only && echo . || echo "$copy")" && OLD=$4 find "$2" -name '*.rs' \
        -exec perl -0ne 'print "$ARGV\n" if index($_, $ENV{OLD}) >= 0' {} +)
    if [[ -z $file || $file == *$'\n'* ]]; then
        row "$name" "$2" "NOT FOUND${file:+ in one file alone: ${file//$'\n'/ }}"
        failed=$((failed + 1))
        return 0
    fi
    if $find_only; then
        return 0
    fi
    # The copy alone is looked at: the repository may be edited meanwhile.
    cp -- "$copy/$file" "$store/original"
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
    cp -- "$store/original" "$copy/$file"
    row "$name" "$file" "$verdict"
    if [[ $verdict == killed* ]]; then killed=$((killed + 1)); else failed=$((failed + 1)); fi
}

$find_only || refresh
row NAME FILE VERDICT

mutate resend-after-5xx crates/engine/src 'engine: all/simulation:simulation::' \
    'self.expect_unanswered_start(session, attempt)?;
        self.transition
            .begin_search(self.transition.at + VISIBILITY_LAG);' \
    'self.expect_unanswered_start(session, attempt)?;
        self.transition.start_not_found();'
mutate forget-the-tag-search src/driver 'all/simulation:simulation::' \
    'here && find_tag(comment).as_ref() == Some(tag)' \
    'here && find_tag(comment).as_ref() == Some(tag) && false'
mutate ignore-the-visibility-lag crates/engine/src 'engine: all/simulation:simulation::' \
    'VISIBILITY_LAG: Duration = Duration::from_secs(120)' \
    'VISIBILITY_LAG: Duration = Duration::from_secs(0)'
mutate adopt-a-foreign-action src/driver 'all/simulation:simulation::' \
    'here && find_tag(comment).as_ref() == Some(tag)' \
    'here && (find_tag(comment).is_some() || tag.as_str().is_empty())'
mutate resumed-start-was-not-sent crates/engine/src 'engine: all/simulation:simulation::' \
    'self.begin_search(self.at + REQUEST_ARRIVAL_LAG + VISIBILITY_LAG);' \
    'self.start_not_found();'
mutate journal-after-send src/driver 'all/simulation:simulation::' \
    'let due = !self.to_send.is_empty()
            || self.request_applied' \
    'let due = self.request_applied'
mutate skip-cleanup-after-failure crates/engine/src 'engine: all/simulation:simulation::' \
    'CleanupWhen::Always => true,' \
    'CleanupWhen::Always => self.state.trouble.is_none(),'
mutate forget-what-is-left crates/engine/src 'engine: all/simulation:simulation::' \
    'session.kind == SessionKind::Main && self.commands' \
    'session.kind == SessionKind::Cleanup && self.commands'
mutate go-on-after-failure crates/engine/src 'engine: all/simulation:simulation::' \
    'if self.state.trouble.is_none()
            && let Some(next) = self' \
    'if let Some(next) = self'
mutate one-slot-too-many crates/engine/src 'engine: all/simulation:simulation::' \
    'count(self.holding.len()) < self.quota.slots(now)' \
    'count(self.holding.len()) <= self.quota.slots(now)'
mutate one-start-too-many crates/engine/src 'engine: all/simulation:simulation::' \
    'per_minute: per_minute.max(1),' \
    'per_minute: per_minute + 1,'
mutate starts-count-from-their-sending crates/engine/src 'engine: all/simulation:simulation::' \
    'TakenStart::Unanswered(_) => Moment::FAR_FUTURE,' \
    'TakenStart::Unanswered(_) => Moment::EPOCH,'
mutate pending-holds-no-slot crates/engine/src 'engine: all/simulation:simulation::' \
    'Stage::Announced(_) | Stage::Searching { .. } | Stage::Open(_)
        )' \
    'Stage::Open(_)
        )'
mutate forget-an-action-after-cancel crates/engine/src 'engine: all/simulation:simulation::' \
    'Some(_) => Ok(()),
            None => self.accept_if_own(),' \
    'Some(_) => {
                self.transition.enter(Stage::Done);
                Ok(())
            }
            None => self.accept_if_own(),'
mutate retry-past-the-limit crates/engine/src 'engine: all/simulation:simulation::' \
    'retries() < retry.max' \
    'retries() <= retry.max'
mutate fetch-no-results crates/engine/src 'engine: all/simulation:simulation::' \
    'outcome::want_results(self.context, &mut collecting);' \
    'outcome::want_results(self.context, &mut collecting);
        collecting.wanted.clear();'
mutate grant-beside-a-record crates/engine/src 'engine: all/simulation:simulation::' \
    'if !self.orders.tenant_lost && needs.is_empty() {' \
    'if !self.orders.tenant_lost {'
mutate start-after-interrupt crates/engine/src 'engine: all/simulation:simulation::' \
    'Some(Interrupt::Cancel) => true,' \
    'Some(Interrupt::Cancel) => false,'
mutate an-old-report-makes-a-device-ready src/driver 'all/simulation:simulation::' \
    'seen.is_some_and(|seen| seen > *since)' \
    'seen.is_some_and(|seen| seen > *since || seen <= *since)'
mutate an-offline-device-is-never-ready-again src/driver 'all/simulation:simulation::' \
    'seen.is_some_and(|seen| seen > *since)' \
    'seen.is_some_and(|seen| seen > *since) && false'
mutate offline-devices-keep-their-slots crates/engine/src 'engine: all/simulation:simulation::' \
    'let count = beyond.max(wanted);' \
    'let count = beyond.max(wanted) * 0;'
mutate begin-after-the-hours crates/engine/src 'engine: all/simulation:simulation::' \
    'if outlook.hours == HoursNow::Closed && queued' \
    'if outlook.hours == HoursNow::Closed && orders.tenant_lost && queued'
mutate stop-above-the-threshold crates/engine/src 'engine: all/simulation:simulation::' \
    'self.failed > 0 && self.failed >= threshold,' \
    'self.failed > threshold,'
mutate begin-outside-the-hours crates/engine/src 'engine: all/simulation:simulation::' \
    'if self.hours_allow_at(now) > now {
            return;' \
    'if now < self.now {
            return;'
mutate main-work-after-an-abort crates/engine/src 'engine: all/simulation:simulation::' \
    '(true, _) if stopped.how != OnStop::Abort => None,' \
    '(true, _) => None,'
mutate start-a-cleanup-given-up crates/engine/src 'engine: all/simulation:simulation::' \
    'if self.state.traces.is_waived() && current.is_cleanup(self.context) {' \
    'if self.state.traces.is_waived() && self.at == Moment::EPOCH {'
mutate search-by-our-own-clock src/driver 'all/simulation:simulation::' \
    "\"machineId eq {} and type eq 'LiveResponse'\",
            literal(machine.as_str())" \
    "\"machineId eq {} and type eq 'LiveResponse' and creationDateTimeUtc ge {}\",
            literal(machine.as_str()),
            instant(self.clock().now() - CLOCK_SKEW)"
mutate give-up-a-device-that-is-offline-at-its-cancel crates/engine/src 'engine: all/simulation:simulation::' \
    'if is_over || context.plan.policy.offline.mode == OfflineMode::Skip {' \
    'if is_over || !cancel.undelivered {'
mutate wait-for-the-hours crates/engine/src 'engine: all/simulation:simulation::' \
    'kind != StartKind::Cleanup || outlook.hours != HoursNow::Open,' \
    'kind != StartKind::Cleanup,'
mutate an-expired-start-is-a-failure src/driver 'all/simulation:simulation::' \
    'is_failed_end && !is_cancelled && created' \
    'is_failed_end && is_cancelled && created'

mutate maps-are-never-equal crates/language/src 'language:' \
    'null || maps || left_kind == right_kind' \
    'null || left_kind == right_kind'
mutate collected-name-not-ascii crates/emulator/src 'lib/svar-emulator:gzip' \
    "c == '\\0' || !c.is_ascii()" \
    "c == '\\0'"
mutate keep-a-folder-nested-too-deep crates/emulator/src 'emulator:nested' \
    'else if found.depth >= DEPTH_MAX {' \
    'else if found.depth > DEPTH_MAX {'
mutate remove-a-folder-at-the-depth-limit crates/emulator/src 'emulator:nested' \
    'else if found.depth >= DEPTH_MAX {' \
    'else if found.depth + 1 >= DEPTH_MAX {'
mutate keep-the-oldest-file-of-the-excess crates/emulator/src 'lib/svar-emulator:tree' \
    'change_time(found.stat) >= oldest' \
    'change_time(found.stat) > oldest'
mutate remove-a-file-that-just-fits crates/emulator/src 'lib/svar-emulator:tree' \
    'while remaining > bytes_max' \
    'while remaining >= bytes_max'
mutate leave-a-tilde-bare crates/plan/src 'plan:' \
    'b"@%+=:,./_-"' \
    'b"~@%+=:,./_-"'
mutate gate-may-read-results crates/language/src 'lib/svar-language:templates language:' \
    '["gate"] => context(Run, Bool),' \
    '["gate"] => context(Steps, Bool),'
mutate retry-told-as-the-first-step src/report 'all/report:report::' \
    'let Some(step) = sent.step.get(&self.plan.steps) else {' \
    'let Some(step) = self.plan.steps.first() else {'
mutate an-answer-may-leave-commands-out crates/engine/src 'engine: all/driver:driver::answers' \
    'all_ran || index < last' \
    'all_ran && index < last'
mutate dots-in-a-tenant-id src/cli 'all/cli:cli::' \
    '&& !id.contains("..")' \
    ''
mutate json-array-is-no-list crates/plan/src 'plan:' \
    'to_text(&value).unwrap_or_else(|_| value.to_string())' \
    'to_text(&value).unwrap_or_default()'
mutate no-pause-before-a-retry crates/language/src 'plan: language:' \
    'RETRY_DELAY: Period = Period(Duration::from_secs(30))' \
    'RETRY_DELAY: Period = Period(Duration::from_secs(31))'
mutate retry-what-was-recalled crates/engine/src 'engine:' \
    'matches!(reason, CancelReason::Timeout(_)) || reason.is_recall()' \
    'matches!(reason, CancelReason::Timeout(_))'

if $find_only; then
    echo "$failed mutations were not found"
else
    echo "$((killed + failed)) mutations: $killed killed, $failed not"
fi
((failed == 0))
