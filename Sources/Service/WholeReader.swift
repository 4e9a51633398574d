import Demucs
import Signal
import Tracks

/// Reads a job's sound, which may not be shorter than at its upload: a decoder that the machine ends early leaves a copy
/// that looks whole.
final class WholeReader: RecordingReader {
    private let reader: any RecordingReader
    private let leastSamples: Int
    /// Samples that were read or passed over.
    private var position = 0

    /// - Parameter leastSeconds: the length at the upload; nil if it is not known.
    init(_ reader: any RecordingReader, leastSeconds: Double?) {
        self.reader = reader
        leastSamples = Int(((leastSeconds ?? 0) * Double(reader.sampleRateHz)).rounded())
    }

    var name: String { reader.name }
    var speakers: [Speaker]? { reader.speakers }
    var sampleRateHz: Int { reader.sampleRateHz }
    var channelCount: Int { reader.channelCount }
    var plausibleSamples: Int { reader.plausibleSamples }
    var warnings: [AudioWarning] { reader.warnings }
    var emptyError: any Error { reader.emptyError }

    /// - Throws: `Problem` at the end of a sound that is shorter, the errors of the reader.
    func next() throws -> PlanarAudio? {
        if let block = try reader.next() {
            position += block.sampleCount
            return block
        }
        guard position >= leastSamples else {
            func seconds(_ samples: Int) -> String {
                (Double(samples) / Double(sampleRateHz)).fixed(3)
            }
            throw Problem(
                .noResources,
                "\(name): only \(seconds(position)) s of its \(seconds(leastSamples)) s could be decoded "
                    + "again. The machine of the service may lack memory or room.")
        }
        return nil
    }

    func skip(_ count: Int) throws -> Int {
        let passed = try reader.skip(count)
        position += passed
        return passed
    }
}
