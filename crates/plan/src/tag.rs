//! How the correlation tag rides in an action's comment: the one place that knows the form.

use svar_wire::LiveResponseRequest;
use svar_wire::Tag;

const OPEN: &str = " [svar ";
const CLOSE: char = ']';

/// Returns the body as it is sent, with the tag at the end of its comment:
/// ` [svar 0123456789abcdef0123]`.
pub fn tagged(request: &LiveResponseRequest, tag: &Tag) -> LiveResponseRequest {
    let mut request = request.clone();
    request.comment = format!("{}{OPEN}{tag}{CLOSE}", request.comment.trim_end());
    request
}

/// Returns the tag at the end of a comment that the service echoes.
///
/// Only the last bracket counts, so an author who writes such a bracket into the comment himself
/// can't make another action look like ours.
pub fn find_tag(comment: &str) -> Option<Tag> {
    let inner = comment.trim_end().strip_suffix(CLOSE)?;
    // A comment that was empty loses its leading blank on the way through the service.
    let start = inner.rfind(OPEN.trim_start())?;
    Tag::parse(&inner[start + OPEN.trim_start().len()..]).ok()
}

/// Bytes that the tag adds to a comment.
pub const TAG_LENGTH: usize = OPEN.len() + 20 + 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_again_at_the_end_only() {
        let tag = Tag::parse("0123456789abcdef0123").expect("a tag");
        let request = LiveResponseRequest {
            commands: Vec::new(),
            comment: "case 7 [svar ffffffffffffffffffff]".into(),
        };
        let sent = tagged(&request, &tag);
        assert_eq!(
            sent.comment,
            "case 7 [svar ffffffffffffffffffff] [svar 0123456789abcdef0123]"
        );
        assert_eq!(sent.comment.len(), request.comment.len() + TAG_LENGTH);
        assert_eq!(find_tag(&sent.comment), Some(tag.clone()));
        assert_eq!(find_tag("[svar 0123456789abcdef0123]"), Some(tag));
        assert_eq!(find_tag("[svar 0123456789abcdef0123] and more"), None);
        assert_eq!(find_tag("somebody else"), None);
    }
}
