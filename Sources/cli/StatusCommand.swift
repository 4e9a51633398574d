// `swift-demucs status`: how far the tracks of a manifest, of an output folder or of a service are.

import Runs
import System

extension Option {
    fileprivate static let model = Option(
        "name", short: "n", value: "name",
        help: "The folder of the model, if the output folder has the tracks of several.")
}

enum StatusCommand {
    static let command = Command(
        "status",
        overview: "Print which tracks are done, failed, in quarantine, under way and left.",
        operand: "[manifest|folder]",
        operandHelp:
            "The manifest of the runs; or an output folder, or the data folder of a service.",
        options: [.out, .model, .json] + Option.common,
        examples: [
            "swift-demucs status tracks.jsonl -o stems":
                "How far the runs with this manifest and output folder are, also while they run.",
            "swift-demucs status ~/.local/share/swift-demucs": "The jobs of the service.",
        ]
    ) { arguments, console throws(UsageError) in
        let operand = arguments.operands.first
        let isFolder = operand.map { FilePath.isFolder($0) } ?? false
        if isFolder, arguments.has(.out) {
            throw UsageError(
                "'\(operand ?? "")' is a folder, and '\(Option.out.long)' names another")
        }
        let folder = try isFolder ? operand ?? "" : arguments.runSettings(of: ["out"]).folder
        let cancellation = Interruption.cancellation()
        return console.reporting {
            let status = try LedgerStatus(
                of: isFolder ? nil : operand, in: folder, model: arguments.value(.model),
                cancellation: cancellation)
            for record in status.unusable { console.warning("\(folder): \(record)") }
            console.result(arguments.has(.json) ? json(status) : table(status))
            return .done
        }
    }

    private static func json(_ status: LedgerStatus) -> String {
        let counts = LedgerStatus.State.allCases.map { ($0.rawValue, status.counts[$0] ?? 0) }
        let report: JSONObject = [
            "counts": Dictionary(uniqueKeysWithValues: counts), "tracks": status.tracks,
        ]
        return JSONText.of(report)
    }

    private static func table(_ status: LedgerStatus) -> String {
        var rows = LedgerStatus.State.allCases.compactMap { state in
            status.counts[state].map { [label(state), "\($0)"] }
        }
        rows.append(["all", "\(status.counts.values.reduce(0, +))"])
        let listed = status.tracks.filter { $0.state != .left }.map { track in
            [
                label(track.state), track.name.map { "\($0) (\(track.id))" } ?? track.id,
                track.tries.map { "\($0)" } ?? "",
                track.error ?? "",
            ]
        }
        let head = [["state", "track", "tries", "reason"]]
        return
            (TextTable.aligned(rows)
            + (listed.isEmpty ? [] : [""] + TextTable.aligned(head + listed, names: [0, 1, 3])))
            .joined(separator: "\n")
    }

    private static func label(_ state: LedgerStatus.State) -> String {
        switch state {
        case .quarantined: "in quarantine"
        case .running: "under way"
        default: state.rawValue
        }
    }
}
