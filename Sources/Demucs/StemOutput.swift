import Audio
import Tracks

/// One signal that a separation writes.
public struct StemOutput: Sendable, Equatable {
    /// Name of the signal in the report and in messages.
    public var name: String
    public var signal: StemSignal
    public var destination: OutputDestination

    public init(name: String, signal: StemSignal, to destination: OutputDestination) {
        self.name = name
        self.signal = signal
        self.destination = destination
    }
}

extension NamedSignal {
    package func written(to destination: OutputDestination) -> StemOutput {
        StemOutput(name: name, signal: signal, to: destination)
    }
}
