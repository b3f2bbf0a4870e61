using System.Diagnostics.Metrics;
using System.Text;

namespace AgentBudget.Silo.Metrics;

/// <summary>
/// What some meters measure, as Prometheus' text format, version 0.0.4. Safe for any thread.
/// </summary>
internal sealed class PrometheusText : IDisposable
{
    internal const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);
    private readonly List<MeterListener> _listeners = [];

    /// <summary>
    /// Listens to a meter from now until the end, and to none of the same name that another silo in the process has.
    /// </summary>
    internal void Listen(Meter meter)
    {
        MeterListener listener = new()
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (!ReferenceEquals(instrument.Meter, meter))
                    return;
                MetricFamily family = MetricFamily.Of(instrument);
                _families.Add(family.Name, family);
                self.EnableMeasurementEvents(instrument, family);
            },
        };
        listener.SetMeasurementEventCallback<long>(
            static (_, value, labels, family) => ((SampleFamily)family!).Add(value, labels));
        listener.SetMeasurementEventCallback<double>(
            static (_, value, _, family) => ((HistogramFamily)family!).Add(value));
        lock (_gate)
        {
            _listeners.Add(listener);
            listener.Start();
        }
    }

    /// <summary>Reads everything now.</summary>
    internal string Write()
    {
        StringBuilder text = new();
        lock (_gate)
        {
            foreach (MetricFamily family in _families.Values)
                family.Begin();
            foreach (MeterListener listener in _listeners)
                listener.RecordObservableInstruments();
            foreach (MetricFamily family in _families.Values)
                family.WriteTo(text);
        }

        return text.ToString();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            foreach (MeterListener listener in _listeners)
                listener.Dispose();
        }
    }
}
