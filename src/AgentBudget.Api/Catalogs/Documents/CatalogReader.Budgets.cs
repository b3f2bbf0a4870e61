using System.Globalization;
using AgentBudget.Ledger.Catalogs;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Api.Catalogs.Documents;

// Budgets: windows, their periods, tiers, and what a period leaves to the next.
public static partial class CatalogReader
{
    private const int MinutesPerHour = 60;

    internal static readonly string[] Weekdays =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

    private sealed partial class Walk
    {
        // One window under budget, or several under budgets.
        private Budget? ReadBudgets(DocumentMap map, RepeatedField<Budget> further)
        {
            if (map.Find("budgets") is not { } list)
                return ReadBudget(map.Find("budget"));
            if (map.Find("budget") is not null)
                list.Fault("is there beside budget: give one of the two.");
            Budget?[] windows = [.. Items(list, CatalogRules.WindowsMax).Select(item => ReadBudget(item))];
            if (windows.Length == 0)
                list.Fault("needs at least one window.");
            further.Add(windows.Skip(1).OfType<Budget>());
            return windows.FirstOrDefault();
        }

        private Budget? ReadBudget(DocumentCursor? cursor)
        {
            if (cursor is not { } value)
                return null;
            DocumentMap map = value.Map("limit", "tokens", "period", "tiers", "rollover", "carry", "autoApprove");
            Budget budget = new()
            {
                Limit = map.Find("limit")?.Money(_currency),
                Rollover = ReadRollover(map.Find("rollover")),
                CarryOverspend = ReadCarry(map.Find("carry")),
                AutoApprove = ReadAutoApprove(map.Find("autoApprove")),
            };
            ReadPeriod(map.Find("period"), budget);
            if (map.Find("tokens")?.Count() is { } tokens)
                budget.Tokens = tokens;
            foreach (DocumentCursor item in Items(map.Find("tiers"), TiersMax))
                budget.Tiers.Add(ReadTier(item));

            return budget;
        }

        private static Tier ReadTier(DocumentCursor item)
        {
            DocumentMap map = item.Map("at", "notify", "action");
            Tier tier = new() { AtPercent = (int)(map.Require("at")?.Count(min: 1, max: PercentMax) ?? 0) };
            foreach (DocumentCursor value in Items(map.Find("notify"), itemsMax: 2))
            {
                string? who = value.Text(FieldRules.IdCharsMax);
                if (who is not (null or "owner" or "finance"))
                    value.Fault("must be owner or finance.");
                if (who is not null)
                    tier.Notify.Add(who);
            }

            if (map.Find("action") is { } action)
            {
                string? text = action.Text(FieldRules.IdCharsMax);
                if (text is not (null or "downgrade" or "refuse"))
                    action.Fault("must be downgrade or refuse.");
                tier.Action = text switch
                {
                    "downgrade" => TierAction.Downgrade,
                    "refuse" => TierAction.Refuse,
                    _ => TierAction.Unspecified,
                };
            }

            if (tier.Notify.Count == 0 && map.Find("action") is null)
                item.Fault("needs notify, action, or both.");
            return tier;
        }

        private Rollover? ReadRollover(DocumentCursor? cursor)
        {
            if (cursor is not { } value)
                return null;
            if (value.IsMap)
            {
                DocumentMap map = value.Map("cap", "capTokens");
                Rollover rollover = new() { Cap = map.Find("cap")?.Money(_currency) };
                if (map.Find("capTokens")?.Count() is { } tokens)
                    rollover.CapTokens = tokens;
                return rollover;
            }

            string? text = value.Text(FieldRules.IdCharsMax);
            if (text is not (null or "none" or "unused"))
                value.Fault("must be none, unused, or a map with cap and capTokens.");
            return text == "unused" ? new Rollover() : null;
        }

        private AutoApproval? ReadAutoApprove(DocumentCursor? cursor)
        {
            if (cursor is not { } value)
                return null;
            DocumentMap map = value.Map("limit", "tokens");
            AutoApproval approval = new() { Limit = map.Find("limit")?.Money(_currency) };
            if (map.Find("tokens")?.Count() is { } tokens)
                approval.Tokens = tokens;
            if (map.Find("limit") is null && map.Find("tokens") is null)
                value.Fault("needs limit, tokens, or both.");
            return approval;
        }

        private static bool ReadCarry(DocumentCursor? cursor)
        {
            string? text = cursor?.Text(FieldRules.IdCharsMax);
            if (text is not (null or "none" or "overspend"))
                cursor!.Value.Fault("must be none or overspend.");
            return text == "overspend";
        }

        private static void ReadPeriod(DocumentCursor? cursor, Budget budget)
        {
            budget.Period = Period.None;
            if (cursor is not { } value)
                return;
            if (value.IsMap)
            {
                ReadAnchoredPeriod(value, budget);
                return;
            }

            switch (value.Text(FieldRules.IdCharsMax))
            {
                case "hour": budget.Period = Period.Hour; break;
                case "day": budget.Period = Period.Day; break;
                case "week": budget.Period = Period.Week; break;
                case "month": budget.Period = Period.Month; break;
                case "quarter": budget.Period = Period.Quarter; break;
                case "year": budget.Period = Period.Year; break;
                case null or "none": break;
                default:
                    value.Fault(
                        "must be none, hour, day, week, month, quarter, year, or a map such as { rolling: 7d }, "
                        + "{ month: 15 }, { week: wednesday }, { day: \"13:40\" } or { year: \"04-06\" }.");
                    break;
            }
        }

        // A period that begins where it does without an anchor is that period.
        private static void ReadAnchoredPeriod(DocumentCursor cursor, Budget budget)
        {
            DocumentMap map = cursor.Map("rolling", "day", "week", "month", "year");
            DocumentCursor?[] given =
                [map.Find("rolling"), map.Find("day"), map.Find("week"), map.Find("month"), map.Find("year")];
            if (given.Count(key => key is not null) != 1)
                cursor.Fault("must have one of rolling, day, week, month and year.");
            if (map.Find("rolling") is { } rolling)
                (budget.Period, budget.Rolling) = (Period.Rolling, rolling.Duration());
            else if (map.Find("day") is { } day)
                (budget.Period, budget.Anchor) = (Period.Day, ReadTimeOfDay(day));
            else if (map.Find("week") is { } week)
                (budget.Period, budget.Anchor) = (Period.Week, ReadWeekday(week));
            else if (map.Find("month") is { } month)
                (budget.Period, budget.Anchor) = (Period.Month, ReadDayOfMonth(month));
            else if (map.Find("year") is { } year)
                (budget.Period, budget.Anchor) = (Period.Year, ReadDayOfYear(year));
        }

        private static PeriodAnchor? ReadTimeOfDay(DocumentCursor cursor)
        {
            string? text = cursor.Text(FieldRules.IdCharsMax);
            bool isTime = TimeOnly.TryParseExact(
                text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out TimeOnly time);
            if (text is not null && !isTime)
                cursor.Fault("must be a time of day such as \"13:40\".");
            int minute = (time.Hour * MinutesPerHour) + time.Minute;
            return minute == 0 ? null : new PeriodAnchor { Minute = minute };
        }

        private static PeriodAnchor? ReadWeekday(DocumentCursor cursor)
        {
            string? text = cursor.Text(FieldRules.IdCharsMax);
            int place = text is null ? 0 : Array.IndexOf(Weekdays, text);
            if (place < 0)
                cursor.Fault("must be a day of the week such as wednesday.");
            return place <= 0 ? null : new PeriodAnchor { Weekday = place + 1 };
        }

        private static PeriodAnchor? ReadDayOfMonth(DocumentCursor cursor) =>
            cursor.Count(min: 1, max: 31) is { } day and > 1 ? new PeriodAnchor { Day = (int)day } : null;

        private static PeriodAnchor? ReadDayOfYear(DocumentCursor cursor)
        {
            string? text = cursor.Text(FieldRules.IdCharsMax);
            // Of a leap year, so that a year may begin on the 29th of February.
            bool isDay = DateOnly.TryParseExact(
                $"2028-{text}", "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day);
            if (text is not null && !isDay)
                cursor.Fault("must be a day of the year such as \"04-06\".");
            return !isDay || day.DayOfYear == 1 ? null : new PeriodAnchor { Month = day.Month, Day = day.Day };
        }
    }
}
