// Also Embedded Swift: typed throws, no key paths, no casts.
// Chroma, the change of harmony from beat to beat, and the key.

import Signal
import System
import Tensor

/// How strong each of the twelve pitch classes of a signal is, twenty times a second.
struct Chroma {
    static let framesPerSecond = 20
    /// Width of a pitch class around its notes, in semitones.
    private static let width = 0.25

    private var spectra: FrameSpectra
    private let firstBin: Int
    /// `[bin][pitch class]`, from the first bin on; class 0 is C.
    private let weights: [[Float]]
    /// `[frame][pitch class]`
    private(set) var frames: [[Float]] = []

    /// - Parameter range: frequencies that count, in Hz.
    init(_ range: ClosedRange<Double>, sampleRateHz: Int, backend: Backend) {
        spectra = FrameSpectra(
            frameSamples: MusicAnalyzer.frameSamples(seconds: 0.186, sampleRateHz),
            hopSamples: sampleRateHz / Chroma.framesPerSecond, backend: backend)
        let hertzPerBin = Double(sampleRateHz) / Double(spectra.frameSamples)
        let bins =
            Int((range.lowerBound / hertzPerBin).rounded(.up))...Int(range.upperBound / hertzPerBin)
        firstBin = bins.lowerBound
        weights = bins.map { bin in
            // MIDI's number of a note: 69 is A at 440 Hz, and C is a multiple of 12.
            let note = 12 * log2(Double(bin) * hertzPerBin / 440) + 69
            return (0..<12).map { pitchClass in
                let distance = (note - Double(pitchClass)).remainder(dividingBy: 12)
                return Float(exp(-0.5 * pow(distance / Chroma.width, 2)))
            }
        }
    }

    mutating func append(_ samples: [Float]) {
        for magnitudes in spectra.append(samples) { add(magnitudes) }
    }

    mutating func finish() {
        for magnitudes in spectra.finish() { add(magnitudes) }
    }

    private mutating func add(_ magnitudes: [Float]) {
        var classes = [Float](repeating: 0, count: 12)
        for (offset, row) in weights.enumerated() {
            let magnitude = magnitudes[firstBin + offset]
            for pitchClass in 0..<12 { classes[pitchClass] += row[pitchClass] * magnitude }
        }
        frames.append(classes)
    }

    /// The frames with a sum of nearly one; quiet ones count less.
    var normalized: [[Float]] {
        let sums = frames.map { $0.reduce(0, +) }
        let floor = 0.1 * sums.reduce(0, +) / Float(max(1, sums.count)) + 1e-9
        return zip(frames, sums).map { frame, sum in frame.map { $0 / (sum + floor) } }
    }

    /// How much the chords after each half beat differ from those before it: one minus the cosine of
    /// the angle between the sums of two beats.
    ///
    /// - Parameters:
    ///   - frames: ``normalized``.
    ///   - halfBeats: frames of ``OnsetStrength``, ascending.
    static func changes(of frames: [[Float]], at halfBeats: [Int]) -> [Float] {
        let ratio = OnsetStrength.framesPerSecond / framesPerSecond
        let places = halfBeats.map { min(($0 + ratio - 1) / ratio, frames.count) }
        func sum(_ range: Range<Int>) -> [Float] {
            (0..<12).map { pitchClass in
                frames[range].reduce(0) { $0 + $1[pitchClass] }
            }
        }
        return places.indices.map { index -> Float in
            guard index > 0 else { return 0 }
            let before = sum(places[max(0, index - 4)]..<places[index])
            let after = sum(
                places[index]..<(index + 4 < places.count ? places[index + 4] : frames.count))
            let lengths = (dot(before, before) * dot(after, after)).squareRoot()
            return lengths > 1e-12 ? 1 - dot(before, after) / lengths : 0
        }
    }
}

private func dot(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

/// A major or minor key.
public struct MusicalKey: Sendable, Equatable, CustomStringConvertible {
    /// Semitones above C, 0 to 11.
    public let tonic: Int
    /// Whether it is a minor key, else a major one.
    public let isMinor: Bool

    /// Of the two spellings the one with fewer sharps or flats, by the circle of fifths.
    private static let majorNames = [
        "C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B",
    ]
    private static let minorNames = [
        "C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B",
    ]

    /// `Bb major`, `F# minor`
    public var description: String {
        isMinor ? "\(Self.minorNames[tonic]) minor" : "\(Self.majorNames[tonic]) major"
    }

    /// `Bb`, `F#m`, as in tags.
    public var symbol: String {
        isMinor ? "\(Self.minorNames[tonic])m" : Self.majorNames[tonic]
    }

    /// How well the twelve pitch classes fit a key, from its tonic on, as listeners judged them.
    /// (Krumhansl and Kessler 1982; Krumhansl 1990, "Cognitive Foundations of Musical Pitch", p. 30.)
    private static let major: [Float] = [
        6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88,
    ]
    private static let minor: [Float] = [
        6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17,
    ]

    /// The key whose profile correlates best with the pitch classes of a track.
    ///
    /// - Parameter classes: `[pitch class]`, from C on.
    /// - Returns: nil for a track without pitches.
    init?(of classes: [Float]) {
        guard classes.contains(where: { $0 > 0 }) else { return nil }
        let keys = (0..<24).map { (tonic: $0 % 12, isMinor: $0 >= 12) }
        let fits = keys.map { key -> Float in
            let profile = key.isMinor ? MusicalKey.minor : MusicalKey.major
            return correlation(classes, (0..<12).map { profile[($0 - key.tonic + 12) % 12] })
        }
        let best = fits.indices.max { fits[$0] < fits[$1] }!
        (tonic, isMinor) = keys[best]
    }
}

/// Pearson's correlation.
private func correlation(_ a: [Float], _ b: [Float]) -> Float {
    func centred(_ values: [Float]) -> [Float] {
        let mean = values.reduce(0, +) / Float(values.count)
        return values.map { $0 - mean }
    }
    let (a, b) = (centred(a), centred(b))
    return dot(a, b) / max((dot(a, a) * dot(b, b)).squareRoot(), 1e-12)
}
