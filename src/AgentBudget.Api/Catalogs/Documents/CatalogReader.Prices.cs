using System.Globalization;
using AgentBudget.Ledger.Catalogs;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Api.Catalogs.Documents;

public static partial class CatalogReader
{
    private const int HourSpansMax = 16;
    private const int MinutesPerDay = 24 * MinutesPerHour;

    private sealed partial class Walk
    {
        private static readonly string[] RateKeys =
        [
            "input", "output", "cacheRead", "cacheWrite5m", "cacheWrite1h", "reasoning", "inputAudio",
            "outputAudio", "inputImage", "cacheReadAudio", "cacheWriteAudio", "outputImage",
        ];

        private static Price ReadPrice(DocumentCursor item)
        {
            DocumentMap map = item.Map(
                "model", "aliases", "provider", "region", "serviceTier", "effectiveFrom", "rates", "longContext",
                "batch", "priority", "flex", "maxOutputTokens", "contextTokens", "hours", "units");
            Price price = new()
            {
                Model = map.Require("model")?.Word() ?? "",
                Provider = map.Find("provider")?.Word() ?? "",
                Region = map.Find("region")?.Text(FieldRules.IdCharsMax) ?? "",
                ServiceTier = ReadServiceTier(map.Find("serviceTier")),
                EffectiveFrom = map.Find("effectiveFrom")?.Time() ?? new Timestamp(),
                Rates = map.Find("rates") is { } rates ? ReadRates(rates) : new Rates(),
            };
            ReadUnits(map.Find("units"), price.Units);
            // A model that is billed by units alone has no rates of tokens.
            if (price.Units.Count == 0)
                map.Require("rates");
            foreach (DocumentCursor value in Items(map.Find("aliases"), AliasesMax))
                price.Aliases.Add(value.Word() ?? "");
            if (map.Find("longContext") is { IsMap: true } longContext)
                price.LongContext = ReadLongContext(longContext);
            else if (map.Find("longContext") is { } thresholds)
                ReadLongContexts(thresholds, price);
            if (map.Find("maxOutputTokens")?.Count() is { } maxOutputTokens)
                price.MaxOutputTokens = maxOutputTokens;
            if (map.Find("contextTokens")?.Count() is { } contextTokens)
                price.ContextTokens = contextTokens;
            if (ReadMultiplier(map.Find("batch")) is { } batchPpm)
                price.BatchMultiplierPpm = batchPpm;
            if (ReadMultiplier(map.Find("priority")) is { } priorityPpm)
                price.PriorityMultiplierPpm = priorityPpm;
            if (ReadMultiplier(map.Find("flex")) is { } flexPpm)
                price.FlexMultiplierPpm = flexPpm;
            price.Hours = ReadHours(map.Find("hours"));
            return price;
        }

        private static PriceHours? ReadHours(DocumentCursor? cursor)
        {
            if (cursor?.Map("zone", "spans") is not { } map)
                return null;
            PriceHours hours = new() { TimeZone = map.Require("zone")?.Text(FieldRules.IdCharsMax) ?? "UTC" };
            foreach (DocumentCursor item in Items(map.Require("spans"), HourSpansMax))
            {
                DocumentMap keys = item.Map("days", "from", "to", "multiplier", "rates");
                PriceSpan span = new()
                {
                    FromMinute = keys.Find("from") is { } from ? ReadMinute(from) : 0,
                    ToMinute = keys.Find("to") is { } to ? ReadMinute(to) : MinutesPerDay,
                    Rates = keys.Find("rates") is { } rates ? ReadRates(rates) : null,
                };
                if (span.ToMinute == 0)
                    span.ToMinute = MinutesPerDay;
                foreach (DocumentCursor day in Items(keys.Find("days"), Weekdays.Length))
                    span.Weekdays.Add(Math.Max(1, ReadWeekday(day)?.Weekday ?? 1));
                if (keys.Find("multiplier")?.MultiplierPpm() is { } ppm)
                    span.MultiplierPpm = ppm;
                hours.Spans.Add(span);
            }

            return hours;
        }

        // "24:00" is the end of the day.
        private static int ReadMinute(DocumentCursor cursor)
        {
            string? text = cursor.Text(FieldRules.IdCharsMax);
            if (text is null or "24:00")
                return MinutesPerDay;
            if (TimeOnly.TryParseExact(
                text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out TimeOnly time))
            {
                return (time.Hour * MinutesPerHour) + time.Minute;
            }

            cursor.Fault("must be a time of day such as \"09:00\".");
            return 0;
        }

        private static RegionalMultiplier ReadRegion(DocumentCursor item)
        {
            DocumentMap map = item.Map("region", "models", "provider", "multiplier");
            return new RegionalMultiplier
            {
                Region = map.Require("region")?.Text(FieldRules.IdCharsMax) ?? "",
                Models = map.Find("models")?.Word() ?? "*",
                Provider = map.Find("provider")?.Word() ?? "",
                MultiplierPpm = map.Require("multiplier")?.MultiplierPpm() ?? 0,
            };
        }

        private static LongContext ReadLongContext(DocumentCursor cursor)
        {
            DocumentMap map = cursor.Map("above", "rates", "units");
            LongContext context = new()
            {
                AboveTokens = map.Require("above")?.Count(min: 1) ?? 0,
                Rates = map.Find("rates") is { } rates ? ReadRates(rates) : new Rates(),
            };
            ReadUnits(map.Find("units"), context.Units);
            if (context.Units.Count == 0)
                map.Require("rates");
            return context;
        }

        private static void ReadUnits(DocumentCursor? cursor, RepeatedField<UnitRate> units)
        {
            if (cursor?.OpenMap() is not { } map)
                return;
            if (map.Count > CatalogRules.UnitsMax)
                cursor.Value.Fault($"has {map.Count} units; at most {CatalogRules.UnitsMax} are accepted.");
            foreach ((string unit, DocumentCursor value) in map.Entries)
            {
                if (!FieldRules.IsWord(unit))
                    value.Fault("is no name of a unit: printable ASCII without spaces, at most 128.");
                if (value.UnitRate() is { } rate)
                    units.Add(new UnitRate { Unit = unit, Rate = rate });
            }
        }

        // Several thresholds are a list, by rising tokens.
        private static void ReadLongContexts(DocumentCursor cursor, Price price)
        {
            LongContext[] contexts = [.. Items(cursor, CatalogRules.ContextsMax).Select(ReadLongContext)];
            if (contexts.Length == 0)
                return;
            price.LongContext = contexts[0];
            price.LongerContexts.Add(contexts[1..]);
        }

        private static long? ReadMultiplier(DocumentCursor? cursor) =>
            cursor?.Map("multiplier").Require("multiplier")?.MultiplierPpm();

        private static ServiceTier ReadServiceTier(DocumentCursor? cursor)
        {
            switch (cursor?.Text(FieldRules.IdCharsMax))
            {
                case null: return ServiceTier.Unspecified;
                case "standard": return ServiceTier.Standard;
                case "batch": return ServiceTier.Batch;
                case "priority": return ServiceTier.Priority;
                case "flex": return ServiceTier.Flex;
                default:
                    cursor.Value.Fault("must be standard, batch, priority or flex.");
                    return ServiceTier.Unspecified;
            }
        }

        private static Rates ReadRates(DocumentCursor cursor)
        {
            DocumentMap map = cursor.Map(RateKeys);
            Rates rates = new();
            foreach ((string key, DocumentCursor value) in map.Entries)
            {
                if (value.Rate() is not { } rate)
                    continue;
                switch (key)
                {
                    case "input": rates.Input = rate; break;
                    case "output": rates.Output = rate; break;
                    case "cacheRead": rates.CacheRead = rate; break;
                    case "cacheWrite5m": rates.CacheWrite5M = rate; break;
                    case "cacheWrite1h": rates.CacheWrite1H = rate; break;
                    case "reasoning": rates.Reasoning = rate; break;
                    case "inputAudio": rates.InputAudio = rate; break;
                    case "outputAudio": rates.OutputAudio = rate; break;
                    case "inputImage": rates.InputImage = rate; break;
                    case "cacheReadAudio": rates.CacheReadAudio = rate; break;
                    case "cacheWriteAudio": rates.CacheWriteAudio = rate; break;
                    case "outputImage": rates.OutputImage = rate; break;
                    default: break; // Named as an unknown key already.
                }
            }

            return rates;
        }

        private Tool ReadTool(DocumentCursor item)
        {
            DocumentMap map = item.Map("id", "cost");
            Tool tool = new() { Id = map.Require("id")?.Word() ?? "" };
            if (map.Find("cost") is { } cost)
                tool.CostPerCall = cost.Map("perCall").Require("perCall")?.Money(_currency);

            return tool;
        }

        private Sku ReadSku(DocumentCursor item)
        {
            DocumentMap map = item.Map("id", "unit", "cost");
            return new Sku
            {
                Id = map.Require("id")?.Word() ?? "",
                Unit = map.Find("unit")?.Text(FieldRules.IdCharsMax) ?? "",
                Cost = map.Require("cost")?.Money(_currency),
            };
        }
    }
}
