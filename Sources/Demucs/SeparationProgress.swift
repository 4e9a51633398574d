/// How far a separation has come.
public struct SeparationProgress: Sendable, Equatable {
    /// Segments that went through the network, of all shifts together.
    public let segmentsDone: Int
    public let segmentsTotal: Int
    /// The same share of the track, in seconds of audio.
    public let audioSecondsDone: Double
    /// Length of the track.
    public let audioSecondsTotal: Double

    init(segmentsDone: Int, segmentsTotal: Int, audioSecondsTotal: Double) {
        self.segmentsDone = segmentsDone
        self.segmentsTotal = segmentsTotal
        self.audioSecondsTotal = audioSecondsTotal
        audioSecondsDone = audioSecondsTotal * Double(segmentsDone) / Double(segmentsTotal)
    }
}
