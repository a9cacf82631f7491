#!/usr/bin/env bash
# Breaks one rule of the engine or the driver at a time, in a copy of the repository, and shows which
# test notices: for the simulation with the first seed that does. Not part of CI: each rule costs a
# build. Needs bash, perl and the toolchain; `./tests/mutations.sh [NAME]` for one of them alone.
#
# A mutation that nothing notices, or whose place is not found any more, makes the script fail.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
here=$PWD
copy=$(mktemp -d)
trap 'rm -rf -- "$copy"' EXIT
# Outside crates come from the target folder that is there; the mutants' own files go away again.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$here/target} RUST_BACKTRACE=0
seeds=${SVAR_SEEDS:-10000}
wanted=${1:-}
failed=0

fresh() {
    rm -rf -- "$copy/src" "$copy/tests"
    cp -r -- src tests benches schema playbooks docs Cargo.toml Cargo.lock README.md "$copy"
    # The rooms that judge a run are enough; they need no program, and no debugging.
    rm -- "$copy/src/main.rs"
    perl -0pi -e 's/default-run = "svar"\n//; s/\[\[bin\]\].*?\n\n//s' "$copy/Cargo.toml"
    printf '%s\n' '#![allow(clippy::unwrap_used, dead_code)]' 'mod engine;' 'mod simulation;' \
        >"$copy/tests/all/main.rs"
}

# mutate NAME FILE OLD NEW: the text OLD stands in FILE, once or more; the first becomes NEW.
mutate() {
    local name=$1 file=$2
    [[ -z $wanted || $wanted == "$name" ]] || return 0
    fresh
    if ! OLD=$3 NEW=$4 perl -0pi -e 's/\Q$ENV{OLD}\E/$ENV{NEW}/ or die "not found\n"' "$copy/$file"; then
        printf '%-32s not found in %s\n' "$name" "$file"
        failed=1
        return 0
    fi
    local said=$copy/said.txt verdict why
    local run=(cargo test --config profile.dev.package.svar.debug=false --locked --quiet --test all)
    if ! (cd "$copy" && "${run[@]}" --no-run) >"$said" 2>&1; then
        printf '%-32s does not build\n' "$name"
        tail -n 20 "$said"
        failed=1
        return 0
    fi
    if ! (cd "$copy" && SVAR_SEEDS=$seeds "${run[@]}" simulation::seeds::whatever) >"$said" 2>&1; then
        verdict=$(grep -oE 'seeds \[[0-9]+' "$said" | head -n 1 | tr -dc '0-9' || true)
        why=$(grep -oE 'the first, [0-9]+: .*' "$said" | head -n 1 | cut -d: -f2- | cut -c1-90 || true)
        printf '%-32s seed %s:%s\n' "$name" "$verdict" "$why"
    elif ! (cd "$copy" && "${run[@]}" -- engine:: simulation::sleepers simulation::seeds::under simulation::seeds::a_run) >"$said" 2>&1; then
        printf '%-32s %s\n' "$name" "$(grep -oE '^    (engine|simulation)::[a-z_:]+' "$said" | sort -u | head -n 1 | xargs)"
    else
        printf '%-32s NOT NOTICED in %s seeds\n' "$name" "$seeds"
        failed=1
    fi
}

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
exit "$failed"
