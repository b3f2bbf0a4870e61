using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace AgentBudget.Silo.Metrics;

/// <summary>One instrument, under its name in Prometheus' text format.</summary>
internal abstract class MetricFamily(string name, string type, string help)
{
    internal string Name { get; } = name;

    /// <summary>Forgets what was read last.</summary>
    internal abstract void Begin();

    /// <summary>Writes the family: what it is, and its samples.</summary>
    internal void WriteTo(StringBuilder text)
    {
        text.Append("# HELP ").Append(Name).Append(' ').Append(help).Append('\n');
        text.Append("# TYPE ").Append(Name).Append(' ').Append(type).Append('\n');
        WriteSamples(text);
    }

    /// <summary>
    /// The family of an instrument: counters end in <c>_total</c>, units are words and last. Throws
    /// <see cref="NotSupportedException"/> for a kind that nothing here measures with.
    /// </summary>
    internal static MetricFamily Of(Instrument instrument)
    {
        string name = instrument.Name.Replace('.', '_') + instrument.Unit switch
        {
            "s" => "_seconds",
            "By" => "_bytes",
            _ => "", // {call} and the like say what is counted, which the name says too.
        };
        string help = instrument.Description ?? "";
        return instrument switch
        {
            ObservableCounter<long> => new SampleFamily(name + "_total", "counter", help),
            ObservableGauge<long> => new SampleFamily(name, "gauge", help),
            Histogram<double> { Advice.HistogramBucketBoundaries: { } bounds } =>
                new HistogramFamily(name, help, bounds),
            _ => throw new NotSupportedException($"{instrument.Name} is of a kind that is not written."),
        };
    }

    private protected abstract void WriteSamples(StringBuilder text);

    private protected static void WriteNumber(StringBuilder text, double value) =>
        text.Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
}

/// <summary>Samples that are read when somebody asks.</summary>
internal sealed class SampleFamily(string name, string type, string help) : MetricFamily(name, type, help)
{
    private readonly StringBuilder _samples = new();

    internal override void Begin() => _samples.Clear();

    internal void Add(long value, ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        _samples.Append(Name);
        for (int i = 0; i < labels.Length; i++)
        {
            _samples.Append(i == 0 ? '{' : ',').Append(labels[i].Key).Append("=\"")
                .Append(Escaped(labels[i].Value as string ?? "")).Append('"');
        }

        if (labels.Length > 0)
            _samples.Append('}');
        _samples.Append(CultureInfo.InvariantCulture, $" {value}\n");
    }

    private protected override void WriteSamples(StringBuilder text) => text.Append(_samples);

    private static string Escaped(string value) => value
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal);
}

/// <summary>Counts of what was recorded since the start, by upper bounds.</summary>
internal sealed class HistogramFamily(string name, string help, IReadOnlyList<double> bounds)
    : MetricFamily(name, "histogram", help)
{
    private readonly Lock _gate = new();
    private readonly long[] _counts = new long[bounds.Count + 1]; // The last is of what is above all bounds.
    private double _sum;

    internal override void Begin()
    {
    }

    /// <summary>Any thread.</summary>
    internal void Add(double value)
    {
        int bucket = 0;
        while (bucket < bounds.Count && value > bounds[bucket])
            bucket++;
        lock (_gate)
        {
            _counts[bucket]++;
            _sum += value;
        }
    }

    private protected override void WriteSamples(StringBuilder text)
    {
        lock (_gate)
        {
            long count = 0;
            for (int bucket = 0; bucket < _counts.Length; bucket++)
            {
                count += _counts[bucket];
                string bound = bucket == bounds.Count
                    ? "+Inf"
                    : bounds[bucket].ToString("R", CultureInfo.InvariantCulture);
                text.Append(CultureInfo.InvariantCulture, $"{Name}_bucket{{le=\"{bound}\"}} {count}\n");
            }

            text.Append(Name).Append("_sum ");
            WriteNumber(text, _sum);
            text.Append(CultureInfo.InvariantCulture, $"{Name}_count {count}\n");
        }
    }
}
