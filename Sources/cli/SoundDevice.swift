// Recording and playing through ALSA, which also reaches PipeWire. Its library is loaded when a device
// is opened, so that the command runs without it.
// Reference: the functions of <alsa/pcm.h>.

import Signal
import System

struct SoundDeviceError: CausedError, CustomStringConvertible {
    var cause: ErrorCause { .input }
    let description: String
}

/// A device for interleaved float32 samples.
final class SoundDevice {
    private typealias Handle = OpaquePointer
    private typealias Open =
        @convention(c) (
            UnsafeMutablePointer<Handle?>, UnsafePointer<CChar>, Int32, Int32
        ) -> Int32
    private typealias SetParameters =
        @convention(c) (Handle, Int32, Int32, UInt32, UInt32, Int32, UInt32) -> Int32
    private typealias Transfer = @convention(c) (Handle, UnsafeMutableRawPointer, UInt) -> Int
    private typealias Recover = @convention(c) (Handle, Int32, Int32) -> Int32
    private typealias Call = @convention(c) (Handle) -> Int32
    private typealias ErrorText = @convention(c) (Int32) -> UnsafePointer<CChar>

    /// SND_PCM_STREAM_…, SND_PCM_ACCESS_RW_INTERLEAVED and SND_PCM_FORMAT_FLOAT_LE.
    private enum Direction: Int32 {
        case playing = 0
        case recording = 1
    }
    private static let (interleaved, float32): (Int32, Int32) = (3, 14)
    /// Microseconds that the device may hold, of which the sound gets later.
    private static let bufferMicroseconds: UInt32 = 100_000

    private let name: String
    private let handle: Handle
    private let channelCount: Int
    private let sampleRateHz: Int
    private let transfer: Transfer
    private let recover: Recover
    private let drainAll: Call
    private let close: Call
    private let text: ErrorText

    convenience init(recordingFrom name: String, channelCount: Int, sampleRateHz: Int) throws {
        try self.init(name, .recording, channelCount, sampleRateHz)
    }

    /// The device begins with silence for the time that it may hold.
    convenience init(playingOn name: String, channelCount: Int, sampleRateHz: Int) throws {
        try self.init(name, .playing, channelCount, sampleRateHz)
        let count = sampleRateHz * Int(Self.bufferMicroseconds) / 1_000_000
        try write([Float](repeating: 0, count: count * channelCount), count: count)
    }

    private init(
        _ name: String, _ direction: Direction, _ channelCount: Int, _ sampleRateHz: Int
    ) throws {
        guard let library = dlopen("libasound.so.2", RTLD_NOW) else {
            throw SoundDeviceError(
                description:
                    "There is no ALSA library (libasound.so.2) to open '\(name)'; install it, "
                    + "or use pipes")
        }
        func function<Function>(_ name: String) throws -> Function {
            guard let symbol = dlsym(library, name) else {
                throw SoundDeviceError(description: "The ALSA library has no function \(name)")
            }
            return unsafeBitCast(symbol, to: Function.self)
        }
        let open: Open = try function("snd_pcm_open")
        let setParameters: SetParameters = try function("snd_pcm_set_params")
        transfer = try function(direction == .playing ? "snd_pcm_writei" : "snd_pcm_readi")
        recover = try function("snd_pcm_recover")
        drainAll = try function("snd_pcm_drain")
        close = try function("snd_pcm_close")
        text = try function("snd_strerror")
        self.name = name
        self.channelCount = channelCount
        self.sampleRateHz = sampleRateHz
        var opened: Handle?
        let code = open(&opened, name, direction.rawValue, 0)
        guard code == 0, let opened else { throw Self.error(name, code, text) }
        handle = opened
        // The device's library converts the format and the rate if need be.
        let set = setParameters(
            opened, Self.float32, Self.interleaved, UInt32(channelCount), UInt32(sampleRateHz), 1,
            Self.bufferMicroseconds)
        if set < 0 {
            _ = close(opened)
            throw Self.error(name, set, text)
        }
    }

    deinit { _ = close(handle) }

    func read(_ count: Int) throws -> PlanarAudio {
        var samples = [Float](repeating: 0, count: count * channelCount)
        try move(&samples, count)
        return samples.withUnsafeBufferPointer {
            PlanarAudio(interleaved: $0, channelCount: channelCount, sampleRateHz: sampleRateHz)
        }
    }

    func write(_ samples: [Float], count: Int) throws {
        var samples = samples
        try move(&samples, count)
    }

    func drain() { _ = drainAll(handle) }

    /// Transfers all samples; goes on after a buffer that ran empty or over.
    private func move(_ samples: inout [Float], _ count: Int) throws {
        try samples.withUnsafeMutableBytes { bytes in
            var done = 0
            while done < count, let start = bytes.baseAddress {
                let position = start + done * channelCount * MemoryLayout<Float>.stride
                let moved = transfer(handle, position, UInt(count - done))
                if moved >= 0 {
                    done += moved
                } else {
                    let code = recover(handle, Int32(moved), 1)
                    if code < 0 { throw Self.error(name, code, text) }
                }
            }
        }
    }

    private static func error(_ name: String, _ code: Int32, _ text: ErrorText) -> SoundDeviceError
    {
        SoundDeviceError(
            description:
                "The sound device '\(name)' can't be used: \(String(cString: text(code))); "
                + "'aplay -L' lists the devices")
    }
}
