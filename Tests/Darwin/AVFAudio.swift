// The declarations of AVFAudio that docs/examples/Apple uses. Bodies are never run.

public typealias AVAudioChannelCount = UInt32
public typealias AVAudioFrameCount = UInt32

open class AVAudioFormat {
    public init?(standardFormatWithSampleRate rate: Double, channels: AVAudioChannelCount) { nil }
    open var sampleRate: Double { 0 }
    open var channelCount: AVAudioChannelCount { 0 }
}

open class AVAudioPCMBuffer {
    public init?(pcmFormat format: AVAudioFormat, frameCapacity: AVAudioFrameCount) { nil }
    open var format: AVAudioFormat { fatalError() }
    open var frameLength: AVAudioFrameCount = 0
    open var stride: Int { 1 }
    open var floatChannelData: UnsafePointer<UnsafeMutablePointer<Float>>? { nil }
}
