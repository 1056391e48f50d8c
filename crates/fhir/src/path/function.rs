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

macro_rules! functions {
    ($($variant:ident $name:literal $takes:expr;)*) => {
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
    Empty "empty" Values(0, 0);
    Exists "exists" Each(0, 1);
    All "all" Each(1, 1);
    AllTrue "allTrue" Values(0, 0);
    AnyTrue "anyTrue" Values(0, 0);
    AllFalse "allFalse" Values(0, 0);
    AnyFalse "anyFalse" Values(0, 0);
    SubsetOf "subsetOf" Values(1, 1);
    SupersetOf "supersetOf" Values(1, 1);
    Count "count" Values(0, 0);
    Distinct "distinct" Values(0, 0);
    IsDistinct "isDistinct" Values(0, 0);
    // Filtering and projection (5.2).
    Where "where" Each(1, 1);
    Select "select" Each(1, 1);
    Repeat "repeat" Each(1, 1);
    OfType "ofType" Type;
    Aggregate "aggregate" Each(1, 2);
    Sort "sort" Each(0, 16);
    // Subsetting (5.3).
    Single "single" Values(0, 0);
    First "first" Values(0, 0);
    Last "last" Values(0, 0);
    Tail "tail" Values(0, 0);
    Skip "skip" Values(1, 1);
    Take "take" Values(1, 1);
    Intersect "intersect" Values(1, 1);
    Exclude "exclude" Values(1, 1);
    // Combining (5.4).
    Union "union" Values(1, 1);
    Combine "combine" Values(1, 1);
    // Conversion (5.5).
    Iif "iif" Each(2, 3);
    ToBoolean "toBoolean" Values(0, 0);
    ConvertsToBoolean "convertsToBoolean" Values(0, 0);
    ToInteger "toInteger" Values(0, 0);
    ConvertsToInteger "convertsToInteger" Values(0, 0);
    ToDate "toDate" Values(0, 0);
    ConvertsToDate "convertsToDate" Values(0, 0);
    ToDateTime "toDateTime" Values(0, 0);
    ConvertsToDateTime "convertsToDateTime" Values(0, 0);
    ToTime "toTime" Values(0, 0);
    ConvertsToTime "convertsToTime" Values(0, 0);
    ToDecimal "toDecimal" Values(0, 0);
    ConvertsToDecimal "convertsToDecimal" Values(0, 0);
    ToQuantity "toQuantity" Values(0, 1);
    ConvertsToQuantity "convertsToQuantity" Values(0, 1);
    ToText "toString" Values(0, 0);
    ConvertsToText "convertsToString" Values(0, 0);
    // Strings (5.6).
    IndexOf "indexOf" Values(1, 1);
    LastIndexOf "lastIndexOf" Values(1, 1);
    Substring "substring" Values(1, 2);
    StartsWith "startsWith" Values(1, 1);
    EndsWith "endsWith" Values(1, 1);
    Contains "contains" Values(1, 1);
    Upper "upper" Values(0, 0);
    Lower "lower" Values(0, 0);
    Replace "replace" Values(2, 2);
    Matches "matches" Values(1, 1);
    MatchesFull "matchesFull" Values(1, 1);
    ReplaceMatches "replaceMatches" Values(2, 2);
    Length "length" Values(0, 0);
    ToChars "toChars" Values(0, 0);
    Trim "trim" Values(0, 0);
    Split "split" Values(1, 1);
    Join "join" Values(0, 1);
    Encode "encode" Values(1, 1);
    Decode "decode" Values(1, 1);
    Escape "escape" Values(1, 1);
    Unescape "unescape" Values(1, 1);
    // Mathematics (5.7).
    Abs "abs" Values(0, 0);
    Ceiling "ceiling" Values(0, 0);
    Exp "exp" Values(0, 0);
    Floor "floor" Values(0, 0);
    Ln "ln" Values(0, 0);
    Log "log" Values(1, 1);
    Power "power" Values(1, 1);
    Round "round" Values(0, 1);
    Sqrt "sqrt" Values(0, 0);
    Truncate "truncate" Values(0, 0);
    // The tree (5.8).
    Children "children" Values(0, 0);
    Descendants "descendants" Values(0, 0);
    // Utilities (5.9) and what later versions add.
    Trace "trace" Each(1, 2);
    Now "now" Values(0, 0);
    TimeOfDay "timeOfDay" Values(0, 0);
    Today "today" Values(0, 0);
    LowBoundary "lowBoundary" Values(0, 1);
    HighBoundary "highBoundary" Values(0, 1);
    Precision "precision" Values(0, 0);
    Comparable "comparable" Values(1, 1);
    // Types (6.3, 10) and logic (6.5).
    Is "is" Type;
    As "as" Type;
    TypeOf "type" Values(0, 0);
    Not "not" Values(0, 0);
    // FHIR's own (R4 fhirpath, section 2.9.1.5).
    Extension "extension" Values(1, 1);
    HasValue "hasValue" Values(0, 0);
    GetValue "getValue" Values(0, 0);
    Resolve "resolve" Values(0, 0);
    ElementDefinition "elementDefinition" Values(0, 0);
    Slice "slice" Values(2, 2);
    CheckModifiers "checkModifiers" Values(0, 32);
    ConformsTo "conformsTo" Values(1, 1);
    MemberOf "memberOf" Values(1, 1);
    Subsumes "subsumes" Values(1, 1);
    SubsumedBy "subsumedBy" Values(1, 1);
    HtmlChecks "htmlChecks" Values(0, 0);
    // SQL on FHIR's, also needed by views over search results.
    GetResourceKey "getResourceKey" Values(0, 0);
    GetReferenceKey "getReferenceKey" Values(0, 1);
}
