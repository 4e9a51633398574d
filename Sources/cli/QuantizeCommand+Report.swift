// What `quantize` prints.

import Foundation
import Separation

struct QuantizationReport {
    let model: QuantizedModel
    let source: Checkpoint
    let calibration: [String: ArgumentValue]

    /// A row for each tensor of weights, and the whole model below.
    var table: String {
        let heading = ["layer", "form", "bytes", "weights dB", "output dB"]
        let rows = model.layers.map { layer in
            [
                layer.tensor, layer.form.rawValue, "\(layer.countBytes)",
                Self.figure(layer.weightDecibels),
                layer.outputDecibels.map(Self.figure) ?? "-",
            ]
        }
        let sum =
            "\(model.countBytes) bytes, a part of \(Self.share(model.countBytes, source.countBytes))"
            + " of \(source.countBytes); SNR of the worst stem \(Self.figure(model.decibels)) dB"
        return (TextTable.aligned([heading] + rows) + ["", sum]).joined(separator: "\n")
    }

    var json: String {
        let report = ArgumentValue.object([
            "bytes": .integer(model.countBytes),
            "source": .string(source.path), "source_bytes": .integer(source.countBytes),
            "snr_db": Self.number(model.decibels), "calibration": .object(calibration),
            "layers": .array(
                model.layers.map { layer in
                    .object([
                        "tensor": .string(layer.tensor), "form": .string(layer.form.rawValue),
                        "shape": .array(layer.shape.map(ArgumentValue.integer)),
                        "bytes": .integer(layer.countBytes),
                        "weights_snr_db": Self.number(layer.weightDecibels),
                        "output_snr_db": layer.outputDecibels.map(Self.number) ?? .null,
                    ])
                }),
        ])
        return (report.json ?? "{}") + "\n"
    }

    /// JSON has no text for an infinite SNR.
    private static func number(_ decibels: Double) -> ArgumentValue {
        decibels.isFinite ? .number((decibels * 100).rounded() / 100) : .null
    }

    private static func figure(_ decibels: Double) -> String {
        decibels.isFinite ? String(format: "%.1f", decibels) : "equal"
    }

    private static func share(_ part: Int, _ whole: Int) -> String {
        String(format: "%.2f", Double(part) / Double(whole))
    }
}
