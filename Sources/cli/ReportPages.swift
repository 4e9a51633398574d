// The pages of `--html`: the reports as plots and tables.

import Diagnostics
import Evaluation
import Porting
import Quantization

extension ParsedArguments {
    /// Writes the page of `--html`, if it was asked for.
    ///
    /// - Throws: `UnwritableReport`.
    func writePage(_ page: @autoclosure () -> HTMLPage) throws {
        if let path = value(.html) { try page().write(to: path) }
    }
}

// MARK: - eval

extension EvalReport {
    var page: HTMLPage {
        var page = HTMLPage(title: "Scores of separated stems")
        page.paragraph(
            "Decibels; higher is better. SDR compares the energy of the true stem with that of the "
                + "error; the untouched mixture scores about -5 dB on average.")
        page.heading(tracks.count == 1 ? tracks[0].name : "Medians of \(tracks.count) tracks")
        page.figure(plot(medians), caption: "Each stem's scores, the median over tracks.")
        if tracks.count > 1 {
            page.heading("Tracks")
            page.figure(
                BarChart(
                    unit: "\(columns[0].title), dB", series: stemNames,
                    groups: tracks.map { track in
                        let rows = rows(track.scores)
                        return (
                            track.name,
                            stemNames.map { name in
                                let value = rows.first { $0.name == name }?.values[0] ?? .nan
                                return .init(value: value, label: EvalReport.figure(value))
                            }
                        )
                    }
                ).svg, caption: "\(columns[0].title) of each track and stem.")
        }
        page.heading("All scores")
        let heading = ["track", "stem"] + columns.map(\.title)
        let all = tracks.flatMap { track in
            rows(track.scores).map { [track.name, $0.name] + $0.values.map(EvalReport.figure) }
        }
        page.table(
            [heading] + all
                + medians.map { ["median", $0.name] + $0.values.map(EvalReport.figure) },
            names: [0, 1])
        return page
    }

    private var stemNames: [String] { medians.map(\.name) }

    private func plot(_ rows: [Row]) -> String {
        BarChart(
            unit: "dB", series: columns.map(\.title),
            groups: rows.map { row in
                (row.name, row.values.map { .init(value: $0, label: EvalReport.figure($0)) })
            }
        ).svg
    }
}

// MARK: - bench

extension BenchReport {
    var page: HTMLPage {
        var page = HTMLPage(title: "Speed of \(model)")
        for line in heading { page.paragraph(line) }
        page.heading("Time of a segment")
        page.figure(
            BarChart(
                unit: "seconds", series: ["segment"],
                groups: measurements.map { measurement in
                    let runs = measurement.segmentSeconds
                    let median = measurement.medianSeconds
                    let bar = BarChart.Bar(
                        value: median, label: "\(median.fixed(3)) s",
                        range: (runs.min() ?? median)...(runs.max() ?? median))
                    return (name(measurement), [bar])
                }
            ).svg, caption: "Median of the runs; the line goes from the fastest to the slowest.")
        page.table(rows)
        for measurement in measurements where showsLayers { addBlocks(measurement, to: &page) }
        for measurement in measurements where measurement.scaling != nil {
            page.heading("More threads in \(name(measurement))")
            page.paragraph(
                "Predicted from the time of each tile on one thread. Memory is taken to be as fast "
                    + "for many threads as for one.")
            page.table(scalingRows(measurement))
        }
        return page
    }

    private func addBlocks(_ measurement: Benchmark.Measurement, to page: inout HTMLPage) {
        page.heading("Blocks in \(name(measurement))")
        page.figure(
            BarChart(
                unit: "milliseconds", series: ["block"],
                groups: measurement.blocks.map { block in
                    let milliseconds = block.seconds * 1e3
                    return (
                        "\(block.block)", [.init(value: milliseconds, label: milliseconds.fixed(1))]
                    )
                }
            ).svg, caption: "Where the time goes.")
        page.figure(
            roofline(measurement),
            caption:
                "Roofline: the dashed line is what memory (left) and arithmetic (right) allow; "
                + "the farther below it a block is, the more there is to gain. Operations are those of "
                + "the definition: convolutions by Winograd's method need fewer and may lie above. "
                + "Blocks that take more than a twentieth of the time have their names.")
        page.table(blockRows(measurement))
    }

    /// Blocks by operations per byte and per second (Williams, Waterman, Patterson 2009).
    private func roofline(_ measurement: Benchmark.Measurement) -> String {
        let points = measurement.blocks.filter { $0.operations > 0 && $0.bytes > 0 }.map { block in
            PointChart.Point(
                x: block.operations / block.bytes, y: block.operations / block.seconds / 1e9,
                title: "\(block.block)",
                // Only slow blocks have a label: all names would overlap.
                label: block.seconds > measurement.medianSeconds / 20 ? "\(block.block)" : "")
        }
        let peak = measurement.peakOperationsPerSecond / 1e9
        let rate = measurement.memoryBytesPerSecond / 1e9
        let ridge = peak / rate
        let least = min(points.map(\.x).min() ?? ridge, ridge) / 2
        let greatest = max(points.map(\.x).max() ?? ridge, ridge) * 2
        return PointChart(
            x: .init(title: "operations per byte", scale: .logarithmic),
            y: .init(title: "GFLOP/s", scale: .logarithmic), points: points,
            bound: [(least, least * rate), (ridge, peak), (greatest, peak)]
        ).svg
    }
}

// MARK: - compare

extension CompareReport {
    var page: HTMLPage {
        let found = report.comparisons.filter { $0.foundShape != nil }
        let bound = report.boundSNRDecibels
        var page = HTMLPage(title: "Comparison of \(found.count) tensors")
        for line in summaryLines { page.paragraph(line) }
        // Equal tensors have no finite SNR; they lie on the upper edge.
        let greatest = found.map(\.snrDecibels).filter(\.isFinite).max() ?? bound
        let points = found.enumerated().map { index, comparison in
            PointChart.Point(
                x: Double(index + 1), y: max(0, min(comparison.snrDecibels, greatest + 10)),
                title: "\(comparison.name): \(comparison.snrDecibels.decibelText)",
                series: comparison.snrDecibels >= bound ? 0 : 1,
                label: comparison.name == report.firstBelow?.name ? comparison.name : "")
        }
        page.figure(
            PointChart(
                x: .init(title: "tensor, in the order of computation"),
                y: .init(title: "SNR, dB"), points: points,
                bound: [(0, bound), (Double(found.count), bound)]
            ).svg,
            caption: "SNR of each tensor. A port goes wrong where the points fall below the dashed "
                + "line; hold the pointer over a point for its name. Equal tensors lie at the top, "
                + "those below 0 dB at the bottom.")
        page.table(rows, names: CompareReport.nameColumns)
        return page
    }
}

// MARK: - quantize

extension QuantizationReport {
    var page: HTMLPage {
        var page = HTMLPage(title: "INT8 weights of \(source.path)")
        page.paragraph(summary)
        let forms = Set(model.layers.map(\.form.rawValue)).sorted()
        page.heading("Error of the weights")
        page.figure(
            PointChart(
                x: .init(title: "tensor, in the order of the model"),
                y: .init(title: "SNR of the weights, dB"),
                points: model.layers.enumerated().map { index, layer in
                    .init(
                        x: Double(index + 1), y: layer.weightSNRDecibels,
                        title:
                            "\(layer.tensor), \(layer.form.rawValue): "
                            + layer.weightSNRDecibels.decibelText,
                        series: forms.firstIndex(of: layer.form.rawValue) ?? 0)
                },
                series: forms
            ).svg, caption: "SNR of each tensor after rounding to INT8, and the form it is kept in."
        )
        let measured = model.layers.filter { $0.outputSNRDecibels != nil }
            .sorted { ($0.outputSNRDecibels ?? 0) < ($1.outputSNRDecibels ?? 0) }
        if !measured.isEmpty {
            page.heading("Sensitivity")
            page.figure(
                BarChart(
                    unit: "SNR of the worst stem, dB", series: ["SNR"],
                    groups: measured.prefix(20).map { layer in
                        let value = layer.outputSNRDecibels ?? .nan
                        return (layer.tensor, [.init(value: value, label: value.decibelText)])
                    }
                ).svg, caption: "The twenty layers that cost most, each alone in INT8.")
        }
        page.heading("Layers")
        page.table(rows, names: [0, 1])
        return page
    }
}
