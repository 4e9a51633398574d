// Also Embedded Swift: typed throws, no key paths, no casts.
// Tempo, beats, bars and key of a track, from its separated stems.

import Signal
import System
import Tensor
import Tracks

/// Tempo, beats, bars and key of a track.
public struct MusicAnalysis: Sendable, Equatable {
    /// Beats per minute with two decimals; nil for a track of less than four seconds, or without
    /// onsets.
    public let beatsPerMinute: Double?
    /// Times of the beats in seconds from the track's beginning, ascending.
    public let beats: [Double]
    /// Times of the first beat of each bar.
    public let downbeats: [Double]
    /// Beats of a bar, a guess; nil without beats.
    public let beatsPerBar: Int?
    /// How clearly ``downbeats`` are the first beats of the bars, and not others: 0 to 1, with two
    /// decimals; nil without beats.
    public let downbeatConfidence: Double?
    /// The key; nil for a track without pitches.
    public let key: MusicalKey?

    init(
        beatsPerMinute: Double? = nil, beats: [Double] = [], downbeats: [Double] = [],
        beatsPerBar: Int? = nil, downbeatConfidence: Double? = nil, key: MusicalKey? = nil
    ) {
        self.beatsPerMinute = beatsPerMinute
        self.beats = beats
        self.downbeats = downbeats
        self.beatsPerBar = beatsPerBar
        self.downbeatConfidence = downbeatConfidence
        self.key = key
    }

    /// `4/4`; nil without beats.
    public var metre: String? { beatsPerBar.map { "\($0)/4" } }
}

/// Takes the stems of a track as they are separated; memory for 1,400 numbers a second.
package struct MusicAnalyzer {
    /// The stems by the name of their source: beats come from the drums, and some from the bass and
    /// the other instruments; the key comes from the latter two. A model without these sources gives
    /// the mixture in their place.
    private enum Part: String, CaseIterable {
        case drums
        case bass
        case other

        var onsetWeight: Float {
            switch self {
            case .drums: 1
            case .bass: 0.3
            case .other: 0.2
            }
        }

        /// Frequencies of the part's notes in Hz, and their weight in the key; nil without pitches.
        var notes: (range: ClosedRange<Double>, weight: Float)? {
            switch self {
            case .drums: nil
            case .bass: (40...400, 0.7)
            case .other: (80...2000, 1)
            }
        }
    }

    /// The rate at which stems are analysed, whatever theirs is.
    private static let rateHz = 44_100

    /// First row of the part's source in a block; nil for the mixture.
    private let rows: [Int?]
    private let channelCount: Int
    private let scale: Float
    private let sampleRateHz: Int
    private var resampling: [ResamplingStream]
    private var onsets: [OnsetStrength]
    private var chromas: [Chroma?]

    /// - Parameters:
    ///   - sources: names of the stems in a block.
    ///   - statistics: of the track, whose loudness then doesn't matter.
    package init(
        sources: [String], channelCount: Int, sampleRateHz: Int, statistics: TrackStatistics,
        backend: Backend
    ) {
        self.channelCount = channelCount
        self.sampleRateHz = sampleRateHz
        scale = 1 / statistics.scale
        let (rateHz, resampler) = (
            MusicAnalyzer.rateHz, Resampler(from: sampleRateHz, to: MusicAnalyzer.rateHz)
        )
        resampling = Part.allCases.map { _ in ResamplingStream(resampler, channelCount: 1) }
        rows = Part.allCases.map { part in
            sources.firstIndex(of: part.rawValue).map { $0 * channelCount }
        }
        onsets = Part.allCases.map { _ in
            OnsetStrength(sampleRateHz: rateHz, backend: backend)
        }
        chromas = Part.allCases.map { part in
            part.notes.map { Chroma($0.range, sampleRateHz: rateHz, backend: backend) }
        }
    }

    /// A power of two near a duration.
    static func frameSamples(seconds: Double, _ sampleRateHz: Int) -> Int {
        1 << Int(log2(seconds * Double(sampleRateHz)).rounded())
    }

    /// Takes the next samples of the stems.
    package mutating func append(_ block: StemBlock) {
        for (index, row) in rows.enumerated() {
            let channels =
                row.map { Array(block.stems.channels[$0..<$0 + channelCount]) }
                ?? block.mixture.channels
            let gain = scale / Float(channels.count)
            let mono = channels[0].indices.map { sample in
                gain * channels.reduce(0) { $0 + $1[sample] }
            }
            add(
                resampling[index].append(
                    PlanarAudio(channels: [mono], sampleRateHz: sampleRateHz)), to: index)
        }
    }

    private mutating func add(_ mono: PlanarAudio, to part: Int) {
        onsets[part].append(mono.channels[0])
        chromas[part]?.append(mono.channels[0])
    }

    /// The analysis of all samples.
    package mutating func finish() -> MusicAnalysis {
        for index in onsets.indices {
            add(resampling[index].finish(), to: index)
            onsets[index].finish()
            chromas[index]?.finish()
        }
        let notes = zip(Part.allCases, chromas).compactMap { part, chroma in
            chroma.map { (frames: $0.normalized, weight: part.notes?.weight ?? 0) }
        }
        let key = MusicAnalyzer.key(of: notes)
        let envelope = OnsetEnvelope(
            zip(Part.allCases, onsets).map { ($0.onsetWeight, $1.values) })
        guard let tempo = Tempogram(envelope)?.beatsPerMinute else {
            return MusicAnalysis(beatsPerMinute: nil, beats: [], downbeats: [], key: key)
        }
        let beats = BeatTracker.beats(envelope, beatsPerMinute: tempo)
        let halfBeats = BeatTracker.halfBeats(beats)
        let bars = Bars(evidence(of: notes.map { $0.frames }, at: halfBeats))
        let times = stride(from: bars.first % 2, to: halfBeats.count, by: 2).map {
            Double(halfBeats[$0]) / Double(OnsetStrength.framesPerSecond)
        }
        return MusicAnalysis(
            beatsPerMinute: (tempo * 100).rounded() / 100, beats: times,
            downbeats: stride(from: bars.first / 2, to: times.count, by: bars.beatsPerBar).map {
                times[$0]
            }, beatsPerBar: bars.beatsPerBar, downbeatConfidence: bars.confidence, key: key)
    }

    /// How much each half beat looks like the first of a bar, with a mean of 0: bars begin with a
    /// kick, a note of the bass and a new chord, and without a snare. The weights come from generated
    /// songs (reference/bench/beat_quality.py, of other seeds).
    ///
    /// - Parameters:
    ///   - chromas: of the bass and the other instruments, normalised.
    ///   - halfBeats: frames of ``OnsetStrength``.
    private func evidence(of chromas: [[[Float]]], at halfBeats: [Int]) -> [Float] {
        let (drums, bass) = (onsets[0], onsets[1])
        let signs = [
            (2, drums.lows.strongest(near: halfBeats)),
            (-0.25, drums.middles.strongest(near: halfBeats)),
            (0.3, bass.lows.strongest(near: halfBeats)),
            (1, Chroma.changes(of: chromas[0], at: halfBeats)),
            (2, Chroma.changes(of: chromas[1], at: halfBeats)),
        ].map { (weight: Float($0.0), values: $0.1.standardized) }
        return halfBeats.indices.map { index in
            signs.reduce(0) { $0 + $1.weight * $1.values[index] }
        }
    }

    /// - Parameter notes: the normalised chroma of each part with notes, and its weight.
    private static func key(of notes: [(frames: [[Float]], weight: Float)]) -> MusicalKey? {
        var classes = [Float](repeating: 0, count: 12)
        for (frames, weight) in notes {
            for frame in frames {
                for pitchClass in 0..<12 { classes[pitchClass] += weight * frame[pitchClass] }
            }
        }
        return MusicalKey(of: classes)
    }
}
