// The model of an app that separates a recording in the background, for SwiftUI or any other interface.
//
// The app depends on the product DemucsEngine and has a checkpoint in its bundle. Tests/system/test_darwin
// compiles this file for iOS and macOS with stand-ins for AVFAudio; it was never run.

import AVFAudio
import DemucsEngine
import Foundation
import Observation

@MainActor @Observable
final class SeparationModel {
    /// The finished share of the work, 0…1; nil while none is going on.
    private(set) var fraction: Double?
    /// The stems of the last recording, by name.
    private(set) var stems: [String: AVAudioPCMBuffer] = [:]
    /// Why the last separation failed.
    private(set) var failure: String?

    private let checkpoint: URL
    private var separator: Separator?
    private var work: Task<Void, Never>?

    /// - Parameter checkpoint: `Bundle.main.url(forResource: "htdemucs", withExtension: "safetensors")`.
    init(checkpoint: URL) {
        self.checkpoint = checkpoint
    }

    /// Separates a recording of 32-bit floats, in place of one that is under way.
    func separate(_ recording: AVAudioPCMBuffer) {
        cancel()
        failure = nil
        guard let audio = PlanarAudio(recording) else {
            failure = "The recording has no samples of 32-bit floats."
            return
        }
        fraction = 0
        work = Task {
            do {
                try await run(audio)
            } catch is CancellationError {
                return
            } catch {
                failure = error.localizedDescription
            }
            fraction = nil
        }
    }

    func cancel() {
        work?.cancel()
        fraction = nil
    }

    private func run(_ audio: PlanarAudio) async throws {
        let separator = try await loadedSeparator()
        for try await update in separator.updates(of: try AudioInput(audio)) {
            switch update {
            case .progress(let step):
                fraction = step.fractionCompleted
            case .finished(let separation):
                try Task.checkCancellation()
                for stem in separation.stems { stems[stem.name] = AVAudioPCMBuffer(stem.audio) }
            }
        }
    }

    /// Loads the model once: that takes a moment and, with htdemucs, 170 MB.
    private func loadedSeparator() async throws -> Separator {
        if let separator { return separator }
        let loaded = try await Separator.load(ModelFiles(checkpoint: checkpoint))
        separator = loaded
        return loaded
    }
}

extension PlanarAudio {
    /// Copies the samples of a buffer; nil if they are not 32-bit floats.
    init?(_ buffer: AVAudioPCMBuffer) {
        guard let channels = buffer.floatChannelData else { return nil }
        // Of interleaved buffers, the channels lie side by side, and a sample is `stride` floats on.
        let samples = (0..<Int(buffer.format.channelCount)).map { channel in
            (0..<Int(buffer.frameLength)).map { channels[channel][$0 * buffer.stride] }
        }
        self.init(channels: samples, sampleRateHz: Int(buffer.format.sampleRate))
    }
}

extension AVAudioPCMBuffer {
    /// Copies samples into a new buffer in AVFAudio's standard format; nil if it can't hold them.
    convenience init?(_ audio: PlanarAudio) {
        let format = AVAudioFormat(
            standardFormatWithSampleRate: Double(audio.sampleRateHz),
            channels: AVAudioChannelCount(audio.channelCount))
        guard let format else { return nil }
        self.init(pcmFormat: format, frameCapacity: AVAudioFrameCount(audio.sampleCount))
        guard let channels = floatChannelData else { return nil }
        frameLength = AVAudioFrameCount(audio.sampleCount)
        for (index, samples) in audio.channels.enumerated() {
            channels[index].update(from: samples, count: samples.count)
        }
    }
}
