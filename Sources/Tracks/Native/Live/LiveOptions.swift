// How a live separation trades delay for quality.

/// How far a live separation hears past the stems that it gives, and how often its networks run.
///
/// The networks run on the newest ``windowSeconds`` of the track, once for each ``hopSeconds``, and give the stems of a block that ends ``lookaheadSeconds`` before the newest
/// sample. A longer look-ahead gives better stems later; a shorter hop gives them earlier and costs
/// more passes.
public struct LiveOptions: Sendable, Equatable {
    /// Seconds that the networks hear after the last sample of a block, at least 0.
    public var lookaheadSeconds: Double
    /// Seconds from one block to the next. A pass of the networks may take as long.
    public var hopSeconds: Double
    /// Seconds that the networks hear in a pass; `nil` takes the length that the model was trained
    /// on. Shorter windows cost less.
    public var windowSeconds: Double?

    /// The shortest delay, 0.11 s, that loses less than 1 dB with the bundled model.
    public static let fast = LiveOptions(lookaheadSeconds: 0, hopSeconds: 0.05, windowSeconds: 1)
    /// A delay of 0.22 s, with time to spare on two cores.
    public static let balanced = LiveOptions(
        lookaheadSeconds: 0, hopSeconds: 0.1, windowSeconds: 1)
    /// A delay of 1.6 s, almost as good as separation without one.
    public static let best = LiveOptions(
        lookaheadSeconds: 0.5, hopSeconds: 0.5, windowSeconds: 2)

    /// Times in seconds; `nil` for the model's segment as window.
    public init(lookaheadSeconds: Double, hopSeconds: Double, windowSeconds: Double? = nil) {
        self.lookaheadSeconds = lookaheadSeconds
        self.hopSeconds = hopSeconds
        self.windowSeconds = windowSeconds
    }
}

/// The blocks of a live separation in samples at the networks' rate.
///
/// Pass *p* hears the window that ends with the block's look-ahead, and gives `hop + fade` samples
/// from `p · hop` on. Over the first `fade` samples of a block the pass before fades out and this
/// one fades in.
package struct LivePlan: Sendable, Equatable {
    package let hopSamples: Int
    package let fadeSamples: Int
    package let lookaheadSamples: Int
    /// Samples that enter each member's network.
    let windowSamples: [Int]

    /// Longest cross-fade, and its share of shorter hops.
    private static let longestFadeSeconds = 0.1
    private static let fadeShare = 0.2

    /// - Throws: `SeparationError.invalidOption`.
    package init(_ options: LiveOptions, for bag: Bag) throws(SeparationError) {
        let (lookahead, hop) = (options.lookaheadSeconds, options.hopSeconds)
        let rate = Double(bag.sampleRateHz)
        let longest = bag.members.map { Double($0.rules.longestSegmentSamples) / rate }.min() ?? 0
        let trained = bag.trainingSeconds
        let range = "a number of seconds"
        try SeparationError.require(
            lookahead >= 0 && lookahead <= longest, "lookahead", lookahead,
            "\(range) from 0 to \(longest)")
        let fade = min(Self.longestFadeSeconds, Self.fadeShare * hop)
        try SeparationError.require(
            fade * rate >= 1 && hop <= longest, "hop", hop,
            "\(range) above \(1 / (Self.fadeShare * rate)), up to \(longest)")
        // Rounded to microseconds for the texts.
        let heard = ((lookahead + hop + fade) * 1e6).rounded() / 1e6
        if let window = options.windowSeconds {
            try SeparationError.require(
                window >= heard && window <= longest, "window", window,
                "\(range) from \(heard), the look-ahead with the hop and its fade, to \(longest)")
        }
        try SeparationError.require(
            heard <= options.windowSeconds ?? trained, "lookahead", lookahead,
            "shorter, so that it fits with a hop of \(hop) s and a fade of \(fade) s into the "
                + "window of \(options.windowSeconds ?? trained) s")
        hopSamples = Int(hop * rate)
        fadeSamples = Int(fade * rate)
        lookaheadSamples = Int(lookahead * rate)
        windowSamples = bag.members.map { member in
            let count = options.windowSeconds.map { Int($0 * rate) } ?? member.rules.segmentSamples
            return member.rules.validLength?(count) ?? count
        }
    }

    /// Samples from the arrival of a sample until its stems leave: a block is heard, then its fade
    /// and its look-ahead, and then the pass has the time of a hop.
    package var delaySamples: Int { 2 * hopSamples + fadeSamples + lookaheadSamples }

    /// Samples that a pass gives.
    var passSamples: Int { hopSamples + fadeSamples }

    func start(ofPass pass: Int) -> Int { pass * hopSamples }

    /// Position of the sample after the last one that a pass hears.
    func inputEnd(ofPass pass: Int) -> Int { start(ofPass: pass) + passSamples + lookaheadSamples }

    /// Weight of a pass at each of its samples. Those of the pass before fill them up to 1, and
    /// nothing is before the first pass.
    func weights(ofPass pass: Int) -> [Float] {
        (0..<passSamples).map { sample in
            if sample >= hopSamples { return 1 - fadedIn(sample - hopSamples) }
            return pass == 0 || sample >= fadeSamples ? 1 : fadedIn(sample)
        }
    }

    private func fadedIn(_ sample: Int) -> Float { Float(sample + 1) / Float(fadeSamples + 1) }
}
