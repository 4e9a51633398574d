import Audio
import Tracks

/// One signal that a separation writes.
public struct StemOutput: Sendable, Equatable {
    /// Name of the signal in the report and in messages.
    public var name: String
    /// What is written.
    public var signal: StemSignal
    /// Where it is written.
    public var destination: OutputDestination

    /// An output; ``name`` and the destination are its own.
    public init(name: String, signal: StemSignal, to destination: OutputDestination) {
        self.name = name
        self.signal = signal
        self.destination = destination
    }

    /// Every stem of a model, in a file `vocals.wav` of a folder.
    ///
    /// - Parameter format: the files' extension; `OutputOptions.format` has to fit it.
    public static func all(
        of model: ModelInformation, in folder: String, format: OutputFormat = OutputFormat()
    ) -> [StemOutput] {
        model.sources.map {
            StemOutput(
                name: $0, signal: .stem($0), to: .file("\(folder)/\($0).\(format.fileExtension)"))
        }
    }
}

extension NamedSignal {
    package func written(to destination: OutputDestination) -> StemOutput {
        StemOutput(name: name, signal: signal, to: destination)
    }
}
