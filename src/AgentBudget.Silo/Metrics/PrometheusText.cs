using System.Diagnostics.Metrics;
using System.Text;

namespace AgentBudget.Silo.Metrics;

/// <summary>
/// What some meters measure, as Prometheus' text format, version 0.0.4. Listens from when it is made until it is
/// disposed. Safe for any thread.
/// </summary>
internal sealed class PrometheusText : IDisposable
{
    internal const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);
    private readonly MeterListener _listener = new();

    /// <summary>Listens to these meters, and to none of another silo in the same process.</summary>
    internal PrometheusText(IReadOnlyList<Meter> meters)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (!meters.Contains(instrument.Meter))
                return;
            MetricFamily family = MetricFamily.Of(instrument);
            _families.Add(family.Name, family);
            listener.EnableMeasurementEvents(instrument, family);
        };
        _listener.SetMeasurementEventCallback<long>(
            static (_, value, labels, family) => ((SampleFamily)family!).Add(value, labels));
        _listener.SetMeasurementEventCallback<double>(
            static (_, value, _, family) => ((HistogramFamily)family!).Add(value));
        _listener.Start();
    }

    /// <summary>Reads everything now.</summary>
    internal string Write()
    {
        StringBuilder text = new();
        lock (_gate)
        {
            foreach (MetricFamily family in _families.Values)
                family.Begin();
            _listener.RecordObservableInstruments();
            foreach (MetricFamily family in _families.Values)
                family.WriteTo(text);
        }

        return text.ToString();
    }

    public void Dispose() => _listener.Dispose();
}
