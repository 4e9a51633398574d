// Also Embedded Swift: typed throws, no key paths, no casts.
// How strongly notes begin, a hundred times a second: the rise of the energies in mel bands.

import Signal
import System
import Tensor

/// The onset strength of one signal.
///
/// Each band's magnitude is compressed by log(1 + m / 10), where the track has a standard deviation
/// of one; a frame's strength is the mean of the bands' rises. (Böck and Widmer 2013, "Maximum filter
/// vibrato suppression for onset detection", section 2.1, without the filter.)
struct OnsetStrength {
    static let framesPerSecond = 100
    private static let bands = 40
    /// Frequencies between which the bands lie, in Hz.
    private static let range = 30.0...16_000.0
    private static let compression: Float = 0.1
    /// Bands up to 150 Hz, and from there to 3 kHz.
    private static let lowBands = 0..<1
    private static let middleBands = 2..<20

    private var spectra: FrameSpectra
    /// A triangle for each band: its first bin, and its weights, which sum to one.
    private let filters: [(first: Int, weights: [Float])]
    private var previous: [Float]?
    /// The strength of each frame so far; that of the first one is zero.
    private(set) var values: [Float] = []
    /// The same of the bands of kicks and of basses alone, and of those of snares.
    private(set) var lows: [Float] = []
    private(set) var middles: [Float] = []

    init(sampleRateHz: Int, backend: Backend) {
        spectra = FrameSpectra(
            frameSamples: MusicAnalyzer.frameSamples(seconds: 0.0464, sampleRateHz),
            hopSamples: sampleRateHz / OnsetStrength.framesPerSecond, backend: backend)
        filters = OnsetStrength.filters(
            bins: spectra.bins, hertzPerBin: Double(sampleRateHz) / Double(spectra.frameSamples))
    }

    mutating func append(_ samples: [Float]) {
        for magnitudes in spectra.append(samples) { add(magnitudes) }
    }

    mutating func finish() {
        for magnitudes in spectra.finish() { add(magnitudes) }
    }

    private mutating func add(_ magnitudes: [Float]) {
        let energies = filters.map { filter in
            var sum: Float = 0
            for (offset, weight) in filter.weights.enumerated() {
                sum += weight * magnitudes[filter.first + offset]
            }
            return log1pf(OnsetStrength.compression * sum)
        }
        let rises = zip(energies, previous ?? energies).map { max(0, $0 - $1) }
        values.append(OnsetStrength.mean(rises[...]))
        lows.append(OnsetStrength.mean(rises[OnsetStrength.lowBands]))
        middles.append(OnsetStrength.mean(rises[OnsetStrength.middleBands]))
        previous = energies
    }

    private static func mean(_ values: ArraySlice<Float>) -> Float {
        values.reduce(0, +) / Float(values.count)
    }

    /// Triangles whose corners are equally far apart on the mel scale (O'Shaughnessy 1987).
    private static func filters(
        bins: Int, hertzPerBin: Double
    ) -> [(first: Int, weights: [Float])] {
        func mels(_ hertz: Double) -> Double { 2595 * log10(1 + hertz / 700) }
        let (low, high) = (mels(range.lowerBound), mels(range.upperBound))
        let corners = (0..<bands + 2).map { index in
            let mels = low + (high - low) * Double(index) / Double(bands + 1)
            return 700 * (pow(10, mels / 2595) - 1)
        }
        return (0..<bands).compactMap { band in
            let (left, peak, right) = (corners[band], corners[band + 1], corners[band + 2])
            let weights = (0..<bins).map { bin -> Double in
                let hertz = Double(bin) * hertzPerBin
                return max(0, min((hertz - left) / (peak - left), (right - hertz) / (right - peak)))
            }
            let sum = weights.reduce(0, +)
            // A narrow triangle of the low bands may lie between two bins.
            guard sum > 0, let first = weights.firstIndex(where: { $0 > 0 }),
                let last = weights.lastIndex(where: { $0 > 0 })
            else { return nil }
            return (first, weights[first...last].map { Float($0 / sum) })
        }
    }
}

/// The onsets of a track as beats see them: local means removed, smoothed, with a standard deviation
/// of one.
struct OnsetEnvelope {
    let values: [Float]

    /// - Parameter strengths: the strengths of several signals with their weights, equally long.
    init(_ strengths: [(weight: Float, values: [Float])]) {
        let count = strengths.map { $0.values.count }.min() ?? 0
        let sum = (0..<count).map { frame in
            strengths.reduce(0) { $0 + $1.weight * $1.values[frame] }
        }
        // 0.4 s and 15 ms.
        let hann = (0...40).map { 0.5 - 0.5 * cosf(2 * Float.pi * Float($0) / 40) }
        let gaussian = (-4...4).map { offset -> Float in
            let deviation = Float(offset) / 1.5
            return expf(-0.5 * deviation * deviation)
        }
        let mean = OnsetEnvelope.smoothed(sum, hann)
        let smooth = OnsetEnvelope.smoothed(zip(sum, mean).map { max(0, $0 - $1) }, gaussian)
        let average = smooth.reduce(0, +) / Float(max(1, count))
        let variance =
            smooth.reduce(0) { $0 + ($1 - average) * ($1 - average) } / Float(max(1, count))
        values = variance > 1e-12 ? smooth.map { $0 / variance.squareRoot() } : []
    }

    /// The values' weighted means around each, with zeros beyond the ends.
    private static func smoothed(_ values: [Float], _ weights: [Float]) -> [Float] {
        let (half, total) = (weights.count / 2, weights.reduce(0, +))
        return values.indices.map { index in
            var sum: Float = 0
            for (offset, weight) in weights.enumerated() {
                let place = index + offset - half
                if values.indices.contains(place) { sum += weight * values[place] }
            }
            return sum / total
        }
    }
}
