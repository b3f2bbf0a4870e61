using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Catalogs;

// Prices by the hour and by the region.
public sealed partial class CatalogRules
{
    /// <summary>Regional multipliers of a catalog.</summary>
    public const int RegionsMax = 1000;

    private void CheckHours(string path, PriceHours hours)
    {
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(hours.TimeZone, out _))
            Fault($"{path}.zone", $"'{hours.TimeZone}' is not a known IANA time zone such as Asia/Shanghai");
        if (hours.Spans.Count is 0 or > PriceClock.SpansMax)
        {
            Fault($"{path}.spans", $"must be 1 to {PriceClock.SpansMax} spans");
            return;
        }

        var taken = new Dictionary<int, int>();
        for (int index = 0; index < hours.Spans.Count; index++)
        {
            PriceSpan span = hours.Spans[index];
            string place = $"{path}.spans[{index}]";
            bool isTime = span.FromMinute is >= 0 and < PriceClock.MinutesPerDay
                && span.ToMinute is > 0 and <= PriceClock.MinutesPerDay;
            if (!isTime) Fault($"{place}.from", "must be a time of day, and to one after it or of the next day");
            bool areDays = span.Weekdays.All(day => day is >= 1 and <= 7)
                && span.Weekdays.Distinct().Count() == span.Weekdays.Count;
            if (!areDays) Fault($"{place}.days", "must be days of the week, each once");
            if (span.HasMultiplierPpm && span.MultiplierPpm is < 0 or > MultiplierPpmMax)
                Fault($"{place}.multiplier", "must be between 0 and 10");
            if (!span.HasMultiplierPpm && span.Rates is null) Fault(place, "needs a multiplier, rates, or both");
            if (span.Rates is not null) CheckRates($"{place}.rates", span.Rates);
            if (isTime && areDays) CheckOverlap(place, span, index, taken);
        }
    }

    private void CheckOverlap(string place, PriceSpan span, int index, Dictionary<int, int> taken)
    {
        foreach (int minute in PriceClock.MinutesOf(span))
        {
            if (taken.TryAdd(minute, index)) continue;
            Fault(place, $"overlaps with spans[{taken[minute]}]: a minute has one price");
            return;
        }
    }

    private void CheckRegions(IEnumerable<(string Path, RegionalMultiplier Entry)> rules)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach ((string path, RegionalMultiplier rule) in rules)
        {
            CheckName($"{path}.region", rule.Region);
            CheckName($"{path}.models", rule.Models);
            int star = rule.Models.IndexOf('*', StringComparison.Ordinal);
            if (star >= 0 && star != rule.Models.Length - 1)
                Fault($"{path}.models", $"'{rule.Models}': a star stands for the rest of a name, as in gpt-*");
            if (rule.MultiplierPpm is < 0 or > MultiplierPpmMax)
                Fault($"{path}.multiplier", "must be between 0 and 10");
            if (!seen.Add(CatalogList.Regions.ItemOf(rule)))
                Fault(path, $"there is another one of {rule.Models} in {rule.Region}");
        }
    }
}
