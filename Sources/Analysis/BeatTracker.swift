// Also Embedded Swift: typed throws, no key paths, no casts.
import System

/// The beats of a track, found by dynamic programming: the sequence of frames whose onsets are strong
/// and whose distances are near the period of the tempo.
///
/// Reference: Ellis 2007, "Beat tracking by dynamic programming", Journal of New Music Research 36 (1).
enum BeatTracker {
    /// How much a deviation from the period costs, against the strength of onsets (Ellis's α). With
    /// half as much, one generated song in ten changes from the beats to the off-beats; with three
    /// times as much, songs are lost whose tempo rises by a tenth in half a minute.
    private static let tightness: Float = 200

    /// The frames of the beats.
    static func beats(_ envelope: OnsetEnvelope, beatsPerMinute: Double) -> [Int] {
        let onsets = envelope.values
        let period = Float(Double(60 * OnsetStrength.framesPerSecond) / beatsPerMinute)
        let distances = Array(Int((period / 2).rounded())...Int((2 * period).rounded()))
        let costs = distances.map { distance -> Float in
            let deviation = logf(Float(distance) / period)
            return tightness * deviation * deviation
        }
        var scores = onsets
        var previous = [Int?](repeating: nil, count: onsets.count)
        for frame in onsets.indices {
            var best: Float = 0
            for (distance, cost) in zip(distances, costs) where distance <= frame {
                let score = scores[frame - distance] - cost
                if score > best { (best, previous[frame]) = (score, frame - distance) }
            }
            scores[frame] += best
        }
        let last = max(0, onsets.count - Int(period))..<onsets.count
        guard var beat = last.max(by: { scores[$0] < scores[$1] }) else { return [] }
        var beats = [beat]
        while let earlier = previous[beat] {
            beats.append(earlier)
            beat = earlier
        }
        return beats.reversed()
    }

    /// The frames of the beats, and of the middles between them.
    static func halfBeats(_ beats: [Int]) -> [Int] {
        beats.indices.flatMap { index in
            index + 1 < beats.count
                ? [beats[index], (beats[index] + beats[index + 1]) / 2] : [beats[index]]
        }
    }
}
