//! The functions of FHIRPath 2.0.0 and of FHIR, by name, with what they take.

/// What a function makes of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Values: at least so many, at most so many.
    Values(usize, usize),
    /// A condition or projection about each value of the input: at least so many, at most so many.
    Each(usize, usize),
    /// The name of a type.
    Type,
}

/// What a function is about: where it is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Existence,
    Iteration,
    Collection,
    Conversion,
    Kind,
    Text,
    Mathematics,
    Tree,
    Fhir,
}

macro_rules! functions {
    ($($variant:ident $name:literal $topic:ident $takes:expr;)*) => {
        /// A function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Function { $($variant,)* }

        impl Function {
            /// The function of this name.
            pub(super) fn parse(name: &str) -> Option<Function> {
                match name {
                    $($name => Some(Function::$variant),)*
                    _ => None,
                }
            }

            /// Its name.
            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Function::$variant => $name,)*
                }
            }

            /// What it is about.
            pub(super) fn topic(self) -> Topic {
                match self {
                    $(Function::$variant => Topic::$topic,)*
                }
            }

            /// What it takes.
            pub(super) fn takes(self) -> Takes {
                match self {
                    $(Function::$variant => $takes,)*
                }
            }
        }
    };
}

use Takes::{Each, Type, Values};

functions! {
    // Existence (section 5.1).
    Empty "empty" Existence Values(0, 0);
    Exists "exists" Existence Each(0, 1);
    All "all" Existence Each(1, 1);
    AllTrue "allTrue" Existence Values(0, 0);
    AnyTrue "anyTrue" Existence Values(0, 0);
    AllFalse "allFalse" Existence Values(0, 0);
    AnyFalse "anyFalse" Existence Values(0, 0);
    SubsetOf "subsetOf" Existence Values(1, 1);
    SupersetOf "supersetOf" Existence Values(1, 1);
    Count "count" Existence Values(0, 0);
    Distinct "distinct" Collection Values(0, 0);
    IsDistinct "isDistinct" Existence Values(0, 0);
    // Filtering and projection (5.2).
    Where "where" Iteration Each(1, 1);
    Select "select" Iteration Each(1, 1);
    Repeat "repeat" Iteration Each(1, 1);
    OfType "ofType" Iteration Type;
    Aggregate "aggregate" Iteration Each(1, 2);
    Sort "sort" Iteration Each(0, 16);
    // Subsetting (5.3).
    Single "single" Collection Values(0, 0);
    First "first" Collection Values(0, 0);
    Last "last" Collection Values(0, 0);
    Tail "tail" Collection Values(0, 0);
    Skip "skip" Collection Values(1, 1);
    Take "take" Collection Values(1, 1);
    Intersect "intersect" Collection Values(1, 1);
    Exclude "exclude" Collection Values(1, 1);
    // Combining (5.4).
    Union "union" Collection Values(1, 1);
    Combine "combine" Collection Values(1, 1);
    // Conversion (5.5).
    Iif "iif" Iteration Each(2, 3);
    ToBoolean "toBoolean" Conversion Values(0, 0);
    ConvertsToBoolean "convertsToBoolean" Conversion Values(0, 0);
    ToInteger "toInteger" Conversion Values(0, 0);
    ConvertsToInteger "convertsToInteger" Conversion Values(0, 0);
    ToDate "toDate" Conversion Values(0, 0);
    ConvertsToDate "convertsToDate" Conversion Values(0, 0);
    ToDateTime "toDateTime" Conversion Values(0, 0);
    ConvertsToDateTime "convertsToDateTime" Conversion Values(0, 0);
    ToTime "toTime" Conversion Values(0, 0);
    ConvertsToTime "convertsToTime" Conversion Values(0, 0);
    ToDecimal "toDecimal" Conversion Values(0, 0);
    ConvertsToDecimal "convertsToDecimal" Conversion Values(0, 0);
    ToQuantity "toQuantity" Conversion Values(0, 1);
    ConvertsToQuantity "convertsToQuantity" Conversion Values(0, 1);
    ToText "toString" Conversion Values(0, 0);
    ConvertsToText "convertsToString" Conversion Values(0, 0);
    // Strings (5.6).
    IndexOf "indexOf" Text Values(1, 1);
    LastIndexOf "lastIndexOf" Text Values(1, 1);
    Substring "substring" Text Values(1, 2);
    StartsWith "startsWith" Text Values(1, 1);
    EndsWith "endsWith" Text Values(1, 1);
    Contains "contains" Text Values(1, 1);
    Upper "upper" Text Values(0, 0);
    Lower "lower" Text Values(0, 0);
    Replace "replace" Text Values(2, 2);
    Matches "matches" Text Values(1, 1);
    MatchesFull "matchesFull" Text Values(1, 1);
    ReplaceMatches "replaceMatches" Text Values(2, 2);
    Length "length" Text Values(0, 0);
    ToChars "toChars" Text Values(0, 0);
    Trim "trim" Text Values(0, 0);
    Split "split" Text Values(1, 1);
    Join "join" Text Values(0, 1);
    Encode "encode" Text Values(1, 1);
    Decode "decode" Text Values(1, 1);
    Escape "escape" Text Values(1, 1);
    Unescape "unescape" Text Values(1, 1);
    // Mathematics (5.7).
    Abs "abs" Mathematics Values(0, 0);
    Ceiling "ceiling" Mathematics Values(0, 0);
    Exp "exp" Mathematics Values(0, 0);
    Floor "floor" Mathematics Values(0, 0);
    Ln "ln" Mathematics Values(0, 0);
    Log "log" Mathematics Values(1, 1);
    Power "power" Mathematics Values(1, 1);
    Round "round" Mathematics Values(0, 1);
    Sqrt "sqrt" Mathematics Values(0, 0);
    Truncate "truncate" Mathematics Values(0, 0);
    // The tree (5.8).
    Children "children" Tree Values(0, 0);
    Descendants "descendants" Tree Values(0, 0);
    // Utilities (5.9) and what later versions add.
    Trace "trace" Iteration Each(1, 2);
    Now "now" Kind Values(0, 0);
    TimeOfDay "timeOfDay" Kind Values(0, 0);
    Today "today" Kind Values(0, 0);
    LowBoundary "lowBoundary" Conversion Values(0, 1);
    HighBoundary "highBoundary" Conversion Values(0, 1);
    Precision "precision" Conversion Values(0, 0);
    Comparable "comparable" Conversion Values(1, 1);
    // Types (6.3, 10) and logic (6.5).
    Is "is" Kind Type;
    As "as" Iteration Type;
    TypeOf "type" Kind Values(0, 0);
    Not "not" Existence Values(0, 0);
    // FHIR's own (R4 fhirpath, section 2.9.1.5).
    Extension "extension" Fhir Values(1, 1);
    HasValue "hasValue" Fhir Values(0, 0);
    GetValue "getValue" Fhir Values(0, 0);
    Resolve "resolve" Fhir Values(0, 0);
    ElementDefinition "elementDefinition" Fhir Values(0, 0);
    Slice "slice" Fhir Values(2, 2);
    CheckModifiers "checkModifiers" Fhir Values(0, 32);
    ConformsTo "conformsTo" Fhir Values(1, 1);
    MemberOf "memberOf" Fhir Values(1, 1);
    Subsumes "subsumes" Fhir Values(1, 1);
    SubsumedBy "subsumedBy" Fhir Values(1, 1);
    HtmlChecks "htmlChecks" Fhir Values(0, 0);
    // SQL on FHIR's, also needed by views over search results.
    GetResourceKey "getResourceKey" Fhir Values(0, 0);
    GetReferenceKey "getReferenceKey" Fhir Values(0, 1);
}
