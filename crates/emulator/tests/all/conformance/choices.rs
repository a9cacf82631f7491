//! Questions without a public answer, and what is not reproduced.

/// What answers a question.
pub(super) enum By {
    /// Keys of a scenario.
    Keys(&'static [&'static str]),
    /// No key, because another answer would make no sense.
    Nothing(&'static str),
}

use By::{Keys, Nothing};

/// Section, question, answer. Every place at which the API notes say that nothing is known, and
/// every setting beside.
pub(super) const CHOICES: &[(&str, &str, By)] = &[
    (
        "1",
        "Sessions at once, time in the queue, status of a start, order: which year's?",
        Keys(&[
            "profile",
            "settings.slots",
            "settings.queue_ttl",
            "settings.start_status",
        ]),
    ),
    (
        "1",
        "How long may a script run?",
        Keys(&["settings.script_time_limit"]),
    ),
    (
        "1",
        "How large may a file be that is collected, or put where there is no Windows?",
        Keys(&[
            "settings.collected_file_max",
            "settings.put_file_max_non_windows",
        ]),
    ),
    (
        "1.1",
        "How many calls a minute and an hour?",
        Keys(&[
            "settings.starts_per_minute",
            "settings.reads_per_minute",
            "settings.reads_per_hour",
            "settings.hunting_queries_per_minute",
        ]),
    ),
    (
        "1.1",
        "Does a limit count per application or per tenant, and do windows slide?",
        Keys(&["settings.rate_scope", "settings.rate_window"]),
    ),
    (
        "1.1",
        "Do getting one action and listing them share a row?",
        Nothing(
            "the table of limits names them apart, and sharing would only make both smaller: `settings.reads_per_minute` does that",
        ),
    ),
    (
        "2.1",
        "What host does `@odata.context` name?",
        Keys(&["settings.context_host"]),
    ),
    (
        "2.1",
        "What does a path answer that does not exist, or not with that method?",
        Nothing(
            "404 and 405 in the common shape, with the methods there are in `Allow`; no client depends on it",
        ),
    ),
    (
        "2.1",
        "Which versions of HTTP are spoken?",
        Nothing(
            "HTTP/1.1: the service has HTTP/2 over TLS, and there is no TLS here; a client that begins with it gets 505",
        ),
    ),
    (
        "2.1",
        "How large may a body be that is no upload?",
        Nothing(
            "4 MiB, far above any start; a larger one is read off and refused in the call's own shape: 400 `InvalidRequestBody`, or Entra's `invalid_request`",
        ),
    ),
    (
        "2.2",
        "How long does a token live?",
        Keys(&["settings.token_ttl"]),
    ),
    (
        "2.2",
        "Is `expires_in` of the v1 endpoint a text?",
        Keys(&["settings.v1_expires_in_as_text"]),
    ),
    (
        "2.2",
        "What does a wrong secret, an unknown application or another tenant get?",
        Keys(&["settings.sign_in_refusal_status"]),
    ),
    (
        "2.2",
        "Which assertions are accepted besides those that clients send?",
        Nothing(
            "PS256 and `x5t#S256` besides RS256 and `x5t`; an `aud` with any host, since clients name the real one; no `nbf`; and a repeated assertion: no source says that Entra rejects it",
        ),
    ),
    (
        "2.2",
        "When do granted roles reach tokens?",
        Keys(&["apps[].roles_from"]),
    ),
    (
        "2.4",
        "Is a role for reading enough for actions and links?",
        Keys(&["settings.read_role_is_enough", "apps[].roles"]),
    ),
    (
        "2.5",
        "What is the content type of an answer?",
        Nothing(
            "`application/json; charset=utf-8` without parameters of OData: no client is seen to look at them",
        ),
    ),
    (
        "3.1",
        "Does a start take a device's name?",
        Keys(&["settings.start_by_name"]),
    ),
    (
        "3.3",
        "What if the order of commands is broken?",
        Keys(&["settings.order_violation"]),
    ),
    (
        "3.1",
        "What if a parameter is given twice?",
        Nothing("400 `InvalidRequestBody`: neither of two values is the one that was meant"),
    ),
    (
        "3.3",
        "Which names may a library file have?",
        Nothing(
            "letters, digits, `-`, `_` and `.` are documented; no longer than 255, not of dots only, else 400 `InvalidInput`",
        ),
    ),
    (
        "3.3",
        "How many commands may a start have?",
        Keys(&["settings.commands_max"]),
    ),
    (
        "3.3",
        "What if there are no commands?",
        Nothing(
            "a session without commands could only end as it began; it is 400 `MissingRequiredParameter`",
        ),
    ),
    (
        "3.3",
        "Must there be a comment, and how long may it be?",
        Keys(&["settings.comment_required", "settings.comment_max"]),
    ),
    (
        "3.3",
        "What if arguments have one of the five characters, and how long may they be?",
        Keys(&["settings.forbidden_args", "settings.args_max"]),
    ),
    (
        "3.3",
        "What if the library has no such file?",
        Keys(&["settings.unknown_script"]),
    ),
    (
        "3.4",
        "When is a start `DisabledFeature`?",
        Keys(&[
            "settings.live_response",
            "settings.live_response_for_servers",
        ]),
    ),
    (
        "3.5",
        "Does a waiting action hold a slot?",
        Keys(&["settings.pending_counts_as_session"]),
    ),
    (
        "3.5",
        "How does an action end whose device does not come?",
        Keys(&["settings.queue_expiry_status"]),
    ),
    (
        "3.6",
        "What does a second start just after the first get?",
        Keys(&["settings.duplicate_window"]),
    ),
    (
        "3.7",
        "Do PowerShell scripts need a signature?",
        Keys(&["settings.unsigned_scripts"]),
    ),
    (
        "3.7",
        "Where is the working folder?",
        Nothing(
            "a folder of each device; scripts begin in it, so its path matters to none that is well written",
        ),
    ),
    (
        "3.7",
        "What if a file is put a second time?",
        Keys(&["settings.repeated_put"]),
    ),
    (
        "3.7",
        "How are scripts kept inside their device?",
        Keys(&["settings.isolation"]),
    ),
    (
        "4.4",
        "What becomes of the commands behind a failed one?",
        Keys(&["settings.skipped_commands_fail"]),
    ),
    (
        "4.4",
        "Which exit codes fail a command?",
        Keys(&["settings.nonzero_exit_fails"]),
    ),
    (
        "4.4",
        "How does an action end whose script ran too long?",
        Keys(&["settings.script_timeout_status"]),
    ),
    (
        "4.4",
        "May a failed action turn out well?",
        Keys(&["settings.status_flapping"]),
    ),
    (
        "4.5",
        "For how long may reads not know a fresh action?",
        Keys(&["settings.visibility_lag"]),
    ),
    (
        "4.6",
        "How long until a device begins, and until the action ends?",
        Keys(&["settings.pickup_delay", "settings.wrapup_delay"]),
    ),
    (
        "5.1",
        "How many entries has a page?",
        Keys(&["settings.default_page_size"]),
    ),
    (
        "5.1",
        "May filters name properties that are not documented for them?",
        Keys(&["settings.undocumented_filters"]),
    ),
    (
        "6.1",
        "How long does a link work, and how long are results kept?",
        Keys(&["settings.link_ttl", "settings.results_ttl"]),
    ),
    (
        "6.1",
        "Is `&` in a link written as `&amp;`?",
        Keys(&["settings.link_html_escape"]),
    ),
    (
        "6.1",
        "What does an expired or changed link answer?",
        Nothing("storage is a service of its own, and its 403 with XML is documented there"),
    ),
    (
        "6.1",
        "What does storage make of conditions, ranges and other methods?",
        Nothing(
            "what its documentation says; where that is silent, a range of another form than `bytes=5-` and `bytes=5-9` is overlooked, and a date that is none is 400 `InvalidHeaderValue`",
        ),
    ),
    (
        "6.2",
        "Which texts are an index?",
        Nothing(
            "a whole number as `commands[].index` writes it; another text, `+0` and `00` among them, is 400 `InvalidInput`",
        ),
    ),
    (
        "6.2",
        "What does a command without a result answer: not ended, PutFile, out of range, a failed GetFile?",
        Keys(&["settings.no_result_status"]),
    ),
    (
        "6.2",
        "Does a link come later than the end of its action?",
        Keys(&["settings.link_lag"]),
    ),
    (
        "6.3",
        "How much of a script's output is kept?",
        Keys(&["settings.output_max"]),
    ),
    (
        "6.3",
        "What may a script use of the computer it runs on?",
        Keys(&[
            "settings.processes_max",
            "settings.memory_max",
            "settings.disk_max",
            "settings.isolation",
        ]),
    ),
    (
        "6.3",
        "What is the content type behind a link?",
        Keys(&["settings.result_content_type"]),
    ),
    (
        "7",
        "What does a cancel of a final action get?",
        Keys(&["settings.cancel_after_end_code"]),
    ),
    (
        "7",
        "What does a cancel do that comes after the last command?",
        Keys(&["settings.late_cancel_marks_cancelled"]),
    ),
    (
        "7",
        "How long is a device busy after a cancel?",
        Keys(&["settings.cancel_release_delay"]),
    ),
    (
        "8.2",
        "What does a filter on machines answer that nothing passes?",
        Nothing("an empty list: only a tenant without machines is 404"),
    ),
    (
        "8.5",
        "What does a hunting query answer?",
        Keys(&["hunting_results"]),
    ),
    (
        "8.6",
        "Does the library's list filter or page?",
        Nothing("it is documented as a whole list; options are ignored there"),
    ),
    (
        "8.6",
        "Can one library file be read?",
        Nothing("no page lists such a call; it is 404"),
    ),
    (
        "8.6",
        "How large may a library file be, and what is a larger one told?",
        Keys(&[
            "settings.library_file_max",
            "settings.library_too_large_status",
        ]),
    ),
    (
        "8.6",
        "What is an upload told whose name exists?",
        Keys(&["settings.library_exists_status"]),
    ),
    (
        "9.1",
        "Which headers have answers besides `Content-Type`, `Date`, `Retry-After` and `Allow`?",
        Nothing(
            "`WWW-Authenticate: Bearer` with a 401, as HTTP asks; no ids of requests on the API, where `error.target` is the documented one; `x-ms-request-id` at the storage",
        ),
    ),
    (
        "9.3",
        "Does a 429 say when to come again?",
        Keys(&[
            "settings.retry_after_on_rate_limit",
            "settings.retry_after_on_slot_limit",
        ]),
    ),
    (
        "9.3",
        "Does a start that finds no slot count as one of the minute's starts?",
        Keys(&["settings.slot_refusals_count_as_starts"]),
    ),
    (
        "9.3",
        "What does a 429 say in words?",
        Nothing("messages are free text, and nothing may depend on them"),
    ),
    (
        "11",
        "How far is the service's clock off?",
        Keys(&["settings.clock_ahead", "settings.clock_behind"]),
    ),
];

/// The twenty items of section 11, each with its keys.
pub(super) const SECTION_11: &[(&str, &[&str])] = &[
    ("the service in 2021 or now", &["profile"]),
    (
        "whether pending actions take slots",
        &["settings.pending_counts_as_session"],
    ),
    (
        "how long new actions are invisible",
        &["settings.visibility_lag", "faults[].kind"],
    ),
    (
        "pickup and wrapup delays, clock factor",
        &[
            "settings.pickup_delay",
            "settings.wrapup_delay",
            "devices[].pickup_delay",
            "devices[].wrapup_delay",
            "factor",
        ],
    ),
    ("when devices are offline", &["devices[].online", "fleets"]),
    ("the order of commands", &["settings.order_violation"]),
    (
        "forbidden characters in arguments",
        &["settings.forbidden_args"],
    ),
    ("unknown scripts", &["settings.unknown_script"]),
    ("exit codes that fail", &["settings.nonzero_exit_fails"]),
    (
        "when a device is free after a cancel, and late cancels",
        &[
            "settings.cancel_release_delay",
            "settings.late_cancel_marks_cancelled",
        ],
    ),
    (
        "second starts that return the first action",
        &["settings.duplicate_window"],
    ),
    (
        "`Retry-After` when slots are full",
        &["settings.retry_after_on_slot_limit"],
    ),
    (
        "lifetime, escaping and delay of result links",
        &[
            "settings.link_ttl",
            "settings.link_html_escape",
            "settings.link_lag",
        ],
    ),
    ("the host of `@odata.context`", &["settings.context_host"]),
    ("the size of a page", &["settings.default_page_size"]),
    ("failing calls", &["faults"]),
    (
        "actions that fail and then succeed",
        &["settings.status_flapping", "faults[].kind"],
    ),
    (
        "what reading roles allow",
        &["settings.read_role_is_enough", "apps[].roles"],
    ),
    (
        "portal sessions that make a device busy",
        &["devices[].portal_sessions", "faults[].kind"],
    ),
    ("the random seed", &["seed"]),
];

/// Section, fact, reason.
pub(super) const NOT_EMULATED: &[(&str, &str, &str)] = &[
    (
        "1",
        "Console sessions per user and tenant, and the console's own limits.",
        "The API does not show them; a portal session is emulated where it makes a device busy.",
    ),
    (
        "1",
        "GetFile up to 3 GB.",
        "Results stay in memory; `settings.collected_file_max` is the limit.",
    ),
    (
        "1",
        "The Logic Apps connector's limit.",
        "It is enforced before the API.",
    ),
    (
        "2.1",
        "Regional, older and government hosts, and the 404 when they are mixed.",
        "One listener answers under whatever name it is called; late reads are a setting.",
    ),
    (
        "2.2",
        "The signature of a certificate assertion.",
        "It would need the certificate; shape, parties, audience and times are checked.",
    ),
    (
        "2.2",
        "Managed identity and workload federation.",
        "They are other services' endpoints; what comes of them is an assertion or a token.",
    ),
    (
        "2.3",
        "Tokens of users.",
        "Only applications sign in here; actions carry the application's name.",
    ),
    (
        "2.4",
        "Custom RBAC of the service principal.",
        "Known from one vendor only; `faults` with `forbidden` has the same effect.",
    ),
    (
        "2.5",
        "Refusing a JSON body without its content type.",
        "No source says that the service checks it.",
    ),
    (
        "3.3",
        "Reading the order rule as one command of each type at most.",
        "One client is cautious; the documented rule allows repeats.",
    ),
    (
        "3.7",
        "Minimum versions of systems and agents.",
        "`devices[].refusal_code` sets the refusal.",
    ),
    (
        "3.7",
        "Uploads of results that fail on the device.",
        "The command would be reported as the service reports it: `outcomes[].error`.",
    ),
    (
        "4.2",
        "Actions of other types, such as Isolate, in lists.",
        "No call here makes them; clients must filter by type or id all the same.",
    ),
    (
        "4.2",
        "`computerDnsName` that is null in a fresh action, `lastUpdateTimeUtc`.",
        "Seen in samples only, not in answers.",
    ),
    (
        "4.3",
        "`Submitted` and `PendingResource`.",
        "They last too briefly to be seen: a command is `Created`, then `Executing`.",
    ),
    (
        "6.1",
        "Redirects of a download.",
        "Storage answers by itself as far as is known.",
    ),
    (
        "8.3",
        "`lastSeen` that is null, merged and excluded devices, duplicates.",
        "Every device here reports; several devices of one name are played by giving them ids.",
    ),
    (
        "8.5",
        "KQL, and the quotas of run time and size.",
        "Queries have canned answers; a fault plays a 429.",
    ),
    (
        "9.1",
        "Codes of other APIs, such as `InvalidHashValue`.",
        "No call here leads to them.",
    ),
    (
        "10",
        "What public clients do.",
        "Facts about clients, not about the service.",
    ),
    (
        "12",
        "Quirks that only a client can get wrong.",
        "They follow from the facts above.",
    ),
];
