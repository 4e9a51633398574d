// Where the sound of `live` comes from and goes to: pipes, or sound devices.

import Audio
import Demucs
import Signal
import System

/// Blocks of sound, as soon as they arrive.
struct LiveInput {
    /// Samples of a block: short enough to add little to the delay.
    static let blockSamples = 256

    private enum Source {
        case stream(SoundStream)
        case device(SoundDevice)
    }

    private let source: Source
    let channelCount: Int
    let sampleRateHz: Int

    /// - Parameters:
    ///   - device: of ALSA; nil for standard input.
    ///   - rawRateHz: rate of stereo samples without a header; nil for WAV.
    /// - Throws: `AudioError`, `SoundDeviceError`.
    init(device: String?, rawRateHz: Int?, _ model: ModelInformation) throws {
        if let device {
            source = .device(
                try SoundDevice(
                    recordingFrom: device, channelCount: model.audioChannels,
                    sampleRateHz: model.sampleRateHz))
            (channelCount, sampleRateHz) = (model.audioChannels, model.sampleRateHz)
            return
        }
        let stream = try SoundStream(
            from: STDIN_FILENO, name: "standard input", rawRateHz: rawRateHz)
        source = .stream(stream)
        (channelCount, sampleRateHz) = (stream.channelCount, stream.sampleRateHz)
    }

    /// The next samples; nil at the end, and after a cancellation.
    func next(_ cancellation: CancellationToken) throws -> PlanarAudio? {
        if cancellation.isCancelled { return nil }
        switch source {
        case .stream(let stream):
            // A source may be silent for hours; `read` alone would not see the cancellation.
            var state = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            while poll(&state, 1, 100) == 0 { if cancellation.isCancelled { return nil } }
            return stream.next(Self.blockSamples)
        case .device(let device):
            return try device.read(Self.blockSamples)
        }
    }
}

/// Takes the mix, and passes it on at once.
struct LiveOutput {
    private let device: SoundDevice?

    /// - Parameters:
    ///   - device: of ALSA; nil for standard output.
    ///   - isRaw: whether standard output gets no WAV header.
    /// - Throws: `AudioError`, `SoundDeviceError`.
    init(device: String?, isRaw: Bool, channelCount: Int, sampleRateHz: Int) throws {
        self.device = try device.map {
            try SoundDevice(
                playingOn: $0, channelCount: channelCount, sampleRateHz: sampleRateHz)
        }
        guard device == nil, !isRaw else { return }
        let header = WAVHeader(
            channelCount: channelCount, sampleRateHz: sampleRateHz, format: .float32)
        try header.bytes(sampleCount: nil).withUnsafeBytes(write)
    }

    func write(_ audio: PlanarAudio) throws {
        let samples = audio.interleaved
        if let device { return try device.write(samples, count: audio.sampleCount) }
        try samples.withUnsafeBytes(write)
    }

    /// Waits until everything was played.
    func finish() { device?.drain() }

    private func write(_ bytes: UnsafeRawBufferPointer) throws {
        do {
            try writeAll(bytes, to: STDOUT_FILENO)
        } catch {
            let path = "standard output"
            throw error.code == EPIPE
                ? AudioError.readerGone(path: path)
                : AudioError.writeFailed(path: path, reason: "\(error)")
        }
    }
}
