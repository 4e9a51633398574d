import DemucsEngine
import TestSupport

extension NoiseTrack {
    /// A small model for the track.
    static func model(
        _ name: String = "cross_first", stems: [String]? = nil, threads: Int = 1,
        segmentsInParallel: Int = 1
    ) throws -> Separator {
        try Separator(
            OpenedModel(
                ModelFiles(checkpoint: Fixture.url("models/\(name).safetensors").path)),
            stems: stems,
            threads: threads, segmentsInParallel: segmentsInParallel)
    }
}

extension SeparationStream {
    /// All stems of a track that is given in blocks of one length, and read after each block.
    ///
    /// - Parameter beforeTheEnd: called with the number of samples given before the track's end.
    func stems(
        of track: PlanarAudio, blockSamples: Int = .max, beforeTheEnd: (Int) -> Void = { _ in }
    ) throws -> PlanarAudio {
        var stems = PlanarAudio(channelCount: 0, sampleRateHz: 0)
        func take() throws {
            while let block = try next() {
                if stems.channels.isEmpty { stems = block } else { stems.append(block) }
            }
        }
        let length = max(1, min(blockSamples, track.sampleCount))
        for start in stride(from: 0, to: track.sampleCount, by: length) {
            try append(track[start..<min(start + length, track.sampleCount)])
            try take()
        }
        beforeTheEnd(stems.sampleCount)
        try end()
        try take()
        return stems
    }
}
