// `swift-demucs compare`: where two sets of tensors part.

import Foundation
import Porting
import Separation

extension Option {
    static let bound = Option(
        "bound", value: "dB",
        help: "Name the first tensor below this SNR. (default: that of --min-snr, or 60)")
    static let minSNR = Option(
        "min-snr", value: "dB", help: "Exit with 1 if a tensor is below this SNR, or missing.")
}

enum CompareCommand {
    static let command = Command(
        definition: CommandDefinition(
            name: "compare",
            overview: "Compare tensors or stems one by one, in the order of computation, and name "
                + "the first that is off.",
            operand: "reference found",
            operandHelp: "Files of tensors (.safetensors, .npy, .raw), folders of them, or folders "
                + "of stems. What only the second has is listed.",
            operandCount: 2...2,
            options: [.only, .minSNR, .bound, .json, .version, .help], exclusive: [])
    ) { arguments, console throws(UsageError) in
        let call = PortingCall(arguments, console)
        let minimum = try arguments.finiteNumber(.minSNR)
        let bound = try arguments.finiteNumber(.bound) ?? minimum ?? 60
        var worst = Double.infinity
        let code = try call.run {
            let report = try ComparisonReport(
                reference: TensorCollection(arguments.operands[0]),
                found: TensorCollection(arguments.operands[1]), only: call.patterns,
                boundDecibels: bound,
                isCancelled: { call.cancellation.isCancelled })
            worst = report.worstDecibels
            let text = CompareReport(report: report)
            console.result(arguments.has(.json) ? text.json : text.table)
        }
        guard code == .done, let minimum else { return code }
        return worst >= minimum ? .done : .trackFailed
    }
}
