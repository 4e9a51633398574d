/// Packs blocks of samples into a container. Failures of the sink are in ``OutputSink/failure``.
protocol SampleEncoder: AnyObject {
    func append(_ block: EncodedBlock) throws(AudioError)

    /// Writes the remaining samples, and fields that are only known at the end.
    ///
    /// - Parameter sampleCount: samples of each channel that were appended.
    func finish(sampleCount: Int) throws(AudioError)

    /// Replaces the tags, if those at the beginning left room.
    func replaceTags(_ tags: AudioTags)
}

/// Writes samples unchanged, after a WAV header or without one.
final class PCMEncoder: SampleEncoder {
    private let sink: OutputSink
    private var header: WAVHeader?
    private let announcedSamples: Int?

    /// - Parameters:
    ///   - header: nil for raw samples.
    ///   - sampleCount: samples of each channel that will follow; nil if unknown. A file may get
    ///     fewer; a stream must get exactly this number, because its header can't be corrected.
    init(to sink: OutputSink, header: WAVHeader?, sampleCount: Int?) {
        self.sink = sink
        announcedSamples = sampleCount
        var header = header
        let mayBeLong = sampleCount.map { header?.needsLongSizes(sampleCount: $0) ?? false }
        // A stream of unknown length has no sizes anyway.
        header?.hasLongSizes = mayBeLong ?? sink.canReplace
        self.header = header
        if let header { sink.append(header.bytes(sampleCount: sampleCount)) }
    }

    func append(_ block: EncodedBlock) {
        block.withBytes { sink.append($0) }
    }

    func finish(sampleCount: Int) throws(AudioError) {
        guard let header else { return }
        // Chunks have an even number of bytes.
        if sink.countBytes % 2 == 1 { sink.append([0]) }
        // After samples of unknown number it would be taken for samples.
        if announcedSamples != nil || sink.canReplace { sink.append(header.end) }
        if sampleCount == announcedSamples { return }
        if sink.canReplace {
            sink.replace(at: 0, header.bytes(sampleCount: sampleCount))
        } else if let announcedSamples {
            throw .writeFailed(
                path: sink.name,
                reason: "\(sampleCount) of the announced \(announcedSamples) samples came")
        }
    }

    func replaceTags(_ tags: AudioTags) {
        guard let old = header?.tags,
            let fitted = tags.fitted(to: old, size: { ID3Tag.bytes($0).count })
        else { return }
        header?.tags = fitted
    }
}
