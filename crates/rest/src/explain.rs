//! A search explained instead of done: the header `x-tarn-explain: true`, or the parameter `_explain=true`.

use fhir::{Issue, IssueCode, Outcome, Severity};
use search::Search;

use crate::Context;
use crate::bundle::{BundleKind, BundleWriter};
use crate::interaction::Parameters;
use crate::outcome::Refusal;
use crate::reply::Reply;

/// The parameter.
const NAME: &str = "_explain";

/// Whether an explanation is asked for; takes the parameter out, which is no criterion.
pub(crate) fn is_asked(context: &Context<'_>, parameters: &mut Parameters) -> Result<bool, Refusal> {
    let mut is_asked = context.preferences.explains;
    for (_, value) in parameters.extract_if(.., |(name, _)| name == NAME) {
        is_asked = match value.as_str() {
            "true" => true,
            "false" => false,
            _ => return Err(Refusal::value("_explain must be true or false.")),
        };
    }
    Ok(is_asked)
}

/// A search result without matches, whose only entry is an outcome: an issue for each step of the plan.
pub(crate) async fn explain(
    context: &Context<'_>,
    search: &Search,
    path: &str,
    mut shown: Parameters,
) -> Result<Reply, Refusal> {
    let plan = context.store.explain(search, &context.parameters).await?;
    let issue = |step: &store::Step| Issue {
        severity: Severity::Information,
        ..Issue::error(IssueCode::Informational, step.to_string())
    };
    let outcome = Outcome(plan.0.iter().map(issue).collect());
    shown.push((NAME.to_owned(), "true".to_owned()));
    let links = [("self", context.base.query(path, &shown))];
    let mut bundle = BundleWriter::new(context.base, BundleKind::Searchset, None, &links, &[]);
    bundle.outcome(&outcome);
    Ok(Reply::resource(bundle.finish()))
}
