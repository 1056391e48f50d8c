//! Towns of Massachusetts with a postal code, a position and a rough share of the people.

/// A town.
#[derive(Debug)]
pub(crate) struct Town {
    pub(crate) name: &'static str,
    pub(crate) postal_code: &'static str,
    /// Degrees north, times 10,000.
    pub(crate) latitude: i64,
    /// Degrees east, times 10,000.
    pub(crate) longitude: i64,
    pub(crate) share: u32,
}

const fn town(
    name: &'static str,
    postal_code: &'static str,
    latitude: i64,
    longitude: i64,
    share: u32,
) -> Town {
    Town { name, postal_code, latitude, longitude, share }
}

pub(crate) const TOWNS: &[Town] = &[
    town("Boston", "02108", 423_588, -710_707, 65),
    town("Worcester", "01608", 422_626, -718_023, 20),
    town("Springfield", "01103", 421_015, -725_898, 15),
    town("Cambridge", "02138", 423_759, -711_183, 12),
    town("Lowell", "01852", 426_334, -713_162, 11),
    town("Brockton", "02301", 420_834, -710_184, 10),
    town("Quincy", "02169", 422_529, -710_023, 10),
    town("Lynn", "01901", 424_668, -709_495, 10),
    town("New Bedford", "02740", 416_362, -709_342, 10),
    town("Fall River", "02720", 417_015, -711_550, 9),
    town("Lawrence", "01840", 427_070, -711_631, 9),
    town("Newton", "02459", 423_370, -712_092, 9),
    town("Somerville", "02143", 423_876, -710_995, 8),
    town("Framingham", "01701", 422_793, -714_162, 7),
    town("Haverhill", "01830", 427_762, -710_773, 7),
    town("Malden", "02148", 424_251, -710_662, 7),
    town("Waltham", "02451", 423_765, -712_356, 6),
    town("Medford", "02155", 424_184, -711_062, 6),
    town("Plymouth", "02360", 419_584, -706_673, 6),
    town("Pittsfield", "01201", 424_501, -732_454, 4),
    town("Barnstable", "02630", 417_003, -703_002, 5),
    town("Salem", "01970", 425_195, -708_967, 4),
    town("Amherst", "01002", 423_732, -725_199, 4),
    town("Northampton", "01060", 423_251, -726_412, 3),
];
