//! Addresses within the console, with what was asked for in their query.

use url::form_urlencoded::Serializer;

/// The path with these parameters; those without a value are left out.
pub(super) fn link(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let given: Vec<_> = parameters.iter().filter_map(|(name, value)| Some((*name, (*value)?))).collect();
    if given.is_empty() {
        return path.to_owned();
    }
    format!("{path}?{}", Serializer::new(String::new()).extend_pairs(given).finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_and_absent_ones_left_out() {
        assert_eq!(link("/x", &[("a", None)]), "/x");
        assert_eq!(link("/x", &[("a", None), ("b", Some("c d&e=\"/%"))]), "/x?b=c+d%26e%3D%22%2F%25");
    }
}
