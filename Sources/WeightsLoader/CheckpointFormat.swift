// Which format a file has, told by its first bytes: names lie (`.th`, `.pt` and `.bin` are used for
// several), contents don't.

/// The formats that checkpoints are published in.
public enum CheckpointFormat: String, Sendable, CaseIterable {
    /// `{signature}.safetensors`, official or from others.
    case safetensors
    /// `.th`: a zip archive around a pickle and raw storages, as `torch.save` writes since 1.6.
    case torch
    /// `.th`: pickles in a row and raw storages behind them, as `torch.save` wrote before.
    case torchLegacy = "torch-legacy"
    /// `.bin` of demucs.cpp.
    case ggml
    /// `.onnx`, exported by `torch.onnx`.
    case onnx

    /// Its name in messages.
    public var title: String {
        switch self {
        case .safetensors: "safetensors file"
        case .torch: "PyTorch archive"
        case .torchLegacy: "PyTorch file of the older form"
        case .ggml: "demucs.cpp file"
        case .onnx: "ONNX file"
        }
    }

    /// The format of a file, by its content.
    ///
    /// What has no mark of its own is taken for safetensors, whose reader then says what is wrong.
    init(of file: MappedFile) {
        let start = file.withBytes(0..<min(16, file.countBytes)) { [UInt8]($0) }
        if start.starts(with: ZipArchive.localHeaderMark) {
            self = .torch
        } else if start.starts(with: TorchLegacy.mark) {
            self = .torchLegacy
        } else if GGML.isMark(start.prefix(4)) {
            self = .ggml
        } else if ONNX.isStart(start) {
            self = .onnx
        } else {
            self = .safetensors
        }
    }
}
