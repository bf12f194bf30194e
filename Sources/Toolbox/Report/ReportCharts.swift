import CommandLine
import Foundation
import LowRank
import Model
import Runs
import Worker

/// A heading of a report and the charts below it.
struct ReportSection {
    let title: String
    let charts: [any Chart]
}

/// Chooses the charts that runs have numbers for: curves with all runs on the same axes, then what each run decided.
enum ReportCharts {
    /// Columns of a heat map over steps at most.
    private static let mostColumns = 80
    /// Traced steps that stand for how a run decides at its end.
    private static let lastSteps = 20
    /// Columns of a basis that share a bar of a histogram.
    private static let barWidth = 4

    /// Sections without charts are left out.
    static func sections(_ runs: [ReportedRun]) -> [ReportSection] {
        let all = [
            ReportSection(title: "Training", charts: training(runs)),
            ReportSection(title: "Dynamic rank", charts: decisions(runs)),
        ] + runs.map { run in
            ReportSection(
                title: runs.count > 1 ? "Layers of \(run.name)" : "Layers",
                charts: run.checkpoint.map(layers) ?? [])
        }
        return all.filter { !$0.charts.isEmpty }
    }

    /// Nil where no run has one of the metrics, or all are 0, as the learning rate of frozen weights is.
    private static func chart(
        _ runs: [ReportedRun], _ metrics: [(metric: Metric, name: String)], _ caption: String, _ yLabel: String,
        isLogarithmic: Bool = false
    ) -> LineChart? {
        let series = runs.flatMap { run in
            metrics.map { own in
                let names = (runs.count > 1 ? [run.name] : []) + (metrics.count > 1 ? [own.name] : [])
                return run.series(own.metric, named: names.joined(separator: ", "))
            }
        }.filter { $0.points.contains { $0.y.isFinite && (isLogarithmic ? $0.y > 0 : $0.y != 0) } }
        return series.isEmpty
            ? nil : LineChart(caption: caption, yLabel: yLabel, isLogarithmic: isLogarithmic, series: series)
    }

    private static func training(_ runs: [ReportedRun]) -> [any Chart] {
        [
            chart(runs, [(.loss, "")], "Loss of each step's batch before the update.", "nats a token"),
            chart(runs, [(.validPerplexity, "")], "Perplexity a token on the held-out text.", "perplexity"),
            chart(runs, [(.learningRate, "")], "Learning rate.", "learning rate"),
            chart(
                runs, [(.gradientNorm, "")], "Norm of the gradient before clipping.", "norm", isLogarithmic: true),
            chart(runs, [(.tokensPerSecond, "")], "Throughput, all ranks together.", "tokens a second"),
            chart(
                runs, [(.sgemmShare, "")],
                "Operations of training a second, of what OpenBLAS's matrix products reach on the same machine.", "share"),
        ].compactMap(\.self)
    }

    private static func decisions(_ runs: [ReportedRun]) -> [any Chart] {
        [
            chart(
                runs, [(.scoreRank, "scores"), (.valueRank, "values")],
                "Columns of scores and of values that take part, means over layers and segments.", "columns"),
            chart(
                runs, [(.attentionFLOPsSaved, "")], "What full attention would have executed more, as a share of it.",
                "share saved"),
            chart(runs, [(.reward, "")], "Mean reward of the policy's decisions.", "reward"),
            chart(runs, [(.policyEntropy, "")], "Mean entropy of the policy's decisions.", "nats"),
            chart(
                runs, [(.executedShare, "")], "What levels execute, of full attention's scores and values.",
                "share executed"),
            chart(runs, [(.priceMultiplier, "")], "What keeping the budget makes of the price of an operation.", "factor"),
            chart(
                runs, [(.epsilon, "")], "The guard's threshold ε_t on the relative change of scores.", "ε_t",
                isLogarithmic: true),
            chart(runs, [(.maskedShare, "")], "Share of actions that the guard masked.", "share masked"),
            chart(
                runs, [(.overheadSeconds, "")],
                "Seconds of a step spent on Grams, bases and their folding, policy and guard.", "seconds"),
        ].compactMap(\.self)
    }

    /// What a checkpoint says layer by layer.
    private static func layers(_ checkpoint: ReportedCheckpoint) -> [any Chart] {
        var charts: [any Chart] = []
        if let trace = checkpoint.trace {
            let d = checkpoint.run.model.headWidth, last = min(lastSteps, trace.steps.count)
            let ofLast = "the last \(last == 1 ? "traced step" : "\(last) traced steps")"
            let first = Double(trace.steps[0]), step = trace.steps.count > 1
                ? Double(trace.steps[trace.steps.count - 1] - trace.steps[0]) / Double(trace.steps.count - 1) : 1
            for (quantity, what) in [
                (ReportedCheckpoint.Trace.Quantity.scoreColumns, "score columns"), (.valueColumns, "value columns"),
            ] {
                charts.append(
                    HeatMap(
                        caption: "Mean \(what) by step and layer.", xLabel: "step", label: what,
                        rows: trace.byStep(quantity), start: first, step: step
                    ).binned(mostColumns))
                charts.append(
                    HeatMap(
                        caption: "Mean \(what) by segment and layer, \(ofLast).", xLabel: "segment", label: what,
                        rows: trace.bySegment(quantity, lastSteps: last)
                    ).binned(mostColumns))
                charts.append(
                    HeatMap(
                        caption: "How \(what) of segments spread in each layer, \(ofLast).", xLabel: what,
                        label: "share of segments",
                        rows: trace.histogram(quantity, lastSteps: last, columns: d, width: barWidth),
                        start: Double(barWidth + 1) / 2, step: Double(barWidth)))
            }
            let perturbation = trace.byStep(.perturbation)
            if perturbation.joined().contains(where: \.isFinite) {
                charts.append(
                    HeatMap(
                        caption: "Relative change of the scores that truncation makes, by step and layer (Eq. 9).",
                        xLabel: "step", label: "‖A − A_r‖ / ‖A‖", rows: perturbation, start: first, step: step
                    ).binned(mostColumns))
            }
        }
        for (energies, what) in [(checkpoint.scoreEnergies, "scores"), (checkpoint.valueEnergies, "values")]
        where !energies.isEmpty {
            charts.append(
                HeatMap(
                    caption: "Share of the \(what)' energy in the first columns, by layer (Eq. 15).", xLabel: "columns",
                    label: "share of energy", rows: energies.map(shares), start: 1))
        }
        if let losses = checkpoint.losses {
            charts.append(
                HeatMap(
                    caption: "What each level was estimated to lose in each layer, by drrl calibrate.",
                    xLabel: "score:value columns", label: "log₁₀ nats a token",
                    rows: losses.nats.map { $0.map { $0 > 0 ? log10($0) : .nan } }, names: losses.levels))
        }
        return charts
    }

    /// Of the first columns, one, two and so on.
    private static func shares(_ energies: [Double]) -> [Double] {
        let total = energies.reduce(0, +)
        var sum = 0.0
        return energies.map { energy in
            sum += energy
            return total > 0 ? sum / total : .nan
        }
    }
}
