// Also Embedded Swift: typed throws, no key paths, no casts.
/// Options of a separation: shifts, segments and their overlap.
///
/// The defaults are the reference's.
public struct SeparationOptions: Sendable, Equatable {
    /// Number of random time shifts to average over, 0…100; 0 for none.
    ///
    /// Each shift moves the track by up to half a second and costs one more pass over it.
    public var shifts: Int
    /// Seed of the shifts' offsets; `nil` draws one, which `Separation.seed` reports.
    ///
    /// Gives the offsets that the reference draws after Python's `random.seed(seed)`.
    public var seed: UInt64?
    /// Share of a segment that overlaps the next one, at least 0 and less than 1; `nil` takes the
    /// model's own: 0.25 for Demucs, and what its configuration says for a RoFormer.
    public var overlap: Double?
    /// Length of a segment in seconds; `nil` takes the model's own, which is also the longest
    /// possible for HTDemucs. Other models run longer segments as far as memory allows.
    public var segmentSeconds: Double?
    /// Whether to cut the track into segments. Otherwise the whole track has to fit into one
    /// segment.
    public var split: Bool
    /// Power of the triangular weights of overlapping segments, at least 1.
    public var transitionPower: Double
    /// Whether a track is normalised by its own mean and standard deviation, if the model wants that:
    /// `apply_model` of the reference does not, `Separator` does.
    package var normalises = true

    /// The reference's defaults.
    public init(
        shifts: Int = 1, seed: UInt64? = nil, overlap: Double? = nil,
        segmentSeconds: Double? = nil, split: Bool = true, transitionPower: Double = 1
    ) {
        self.shifts = shifts
        self.seed = seed
        self.overlap = overlap
        self.segmentSeconds = segmentSeconds
        self.split = split
        self.transitionPower = transitionPower
    }

    /// Passes of a network over a track: one for each shift, or one without a shift.
    package var passCount: Int { max(1, shifts) }

    /// The seed of the options, or a new one of up to six digits, which are easy to type again.
    package func seedOrDrawn() -> UInt64 { seed ?? UInt64.random(in: 0...999_999) }

    /// Every shift keeps about one segment of every stem in memory.
    package static let supportedShifts = 0...100

    /// Refuses what a live separation with a look-ahead has no use for.
    ///
    /// - Throws: `SeparationError.invalidOption`.
    package func validateLookahead() throws(SeparationError) {
        let use = "left out for a live stream with a look-ahead"
        try SeparationError.require(shifts <= 1, "shifts", shifts, "at most 1: " + use)
        try SeparationError.require(split, "split", split, "on: " + use)
        try SeparationError.require(overlap == nil, "overlap", overlap ?? 0, use)
        try SeparationError.require(
            segmentSeconds == nil, "segment", segmentSeconds ?? 0, use + ", which has a window")
        try SeparationError.require(
            transitionPower == 1, "transition-power", transitionPower, use)
    }

    /// Checks everything that does not depend on a model.
    ///
    /// - Throws: `SeparationError.invalidOption`.
    package func validate() throws(SeparationError) {
        let range = SeparationOptions.supportedShifts
        try SeparationError.require(
            range.contains(shifts), "shifts", shifts,
            "a number from \(range.lowerBound) to \(range.upperBound)")
        if let overlap {
            try SeparationError.require(
                overlap >= 0 && overlap < 1, "overlap", overlap, "a number from 0 to less than 1")
        }
        try SeparationError.require(
            transitionPower >= 1 && transitionPower.isFinite, "transition-power", transitionPower,
            "a number from 1")
        guard let segmentSeconds else { return }
        try SeparationError.require(
            segmentSeconds > 0 && segmentSeconds.isFinite, "segment", segmentSeconds,
            "a positive number of seconds")
        try SeparationError.require(
            split, "segment", segmentSeconds, "no segment length without splitting")
    }
}
