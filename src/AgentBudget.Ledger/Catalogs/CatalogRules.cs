using AgentBudget.Ledger.Agents;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Ledger.Catalogs;

/// <summary>
/// Whether a catalog is consistent: every fault with its path in the document, so that one round mends them all.
/// </summary>
public sealed partial class CatalogRules
{
    /// <summary>Items of one kind. Bounds a tenant's memory and the size of one event.</summary>
    internal const int ItemsMax = 10_000;

    /// <summary>
    /// The highest rate, in nanos per million tokens: a million currency units. Keeps every line within 128 bits.
    /// </summary>
    internal const long RateMax = 1_000_000 * MoneyMath.NanosPerUnit;

    /// <summary>The highest rate of a unit, in nanos per million: a thousand currency units for one.</summary>
    internal const long UnitRateMax = 1_000 * RateMax;

    /// <summary>
    /// The highest limit: what 64 bits of nanos hold, but for the number that stands for no limit.
    /// </summary>
    internal const long LimitNanosMax = long.MaxValue - 1;

    /// <summary>The highest count of a ceiling or token limit.</summary>
    internal const long CountMax = 1_000_000_000_000_000;

    /// <summary>The most open holds that a catalog may allow one session: its closing record names them all.</summary>
    internal const long OpenHoldsMax = 10_000;

    /// <summary>Entries of a price book: the largest public price maps have some thousands.</summary>
    public const int PricesMax = 20_000;

    /// <summary>Units of one price: more than any provider bills by.</summary>
    public const int UnitsMax = 32;

    /// <summary>Thresholds of one price: more than any provider's list has.</summary>
    public const int ContextsMax = 16;

    private const int IdLengthMax = 64;
    private const int NameLengthMax = 128;
    private const int CurrencyLength = 3;
    private const long MultiplierPpmMax = 10_000_000;

    private static readonly Rates NoRates = new();

    private readonly Catalog _catalog;
    private readonly List<Fault> _faults = [];

    private CatalogRules(Catalog catalog) => _catalog = catalog;

    /// <summary>All faults; empty for a catalog that may be applied.</summary>
    public static List<Fault> Check(Catalog catalog)
    {
        var rules = new CatalogRules(catalog);
        rules.CheckTenant();
        HashSet<string> units = rules.CheckIds("businessUnits", catalog.BusinessUnits.Select(unit => unit.Id));
        HashSet<string> useCases = rules.CheckIds("useCases", catalog.UseCases.Select(useCase => useCase.Id));
        rules.CheckIds("agents", catalog.Agents.Select(agent => agent.Id));
        HashSet<string> models = rules.CheckPrices();
        rules.CheckBusinessUnits();
        rules.CheckUseCases(units, models);
        rules.CheckAgents(units, useCases, models);
        rules.CheckToolsAndSkus();
        return rules._faults;
    }

    private void Fault(string path, string description) => _faults.Add(new Fault(path, description));

    private void CheckTenant()
    {
        CheckId("tenant", _catalog.Tenant);
        if (_catalog.Currency.Length != CurrencyLength || !_catalog.Currency.All(char.IsAsciiLetterUpper))
            Fault("currency", "must be a three-letter ISO 4217 code such as USD");
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(_catalog.TimeZone, out _))
            Fault("timeZone", $"'{_catalog.TimeZone}' is not a known IANA time zone such as Europe/Berlin");
        CheckBudgets("", _catalog.Budget, _catalog.FurtherBudgets);
        CheckParts("", _catalog.ModelBudgets, _catalog.UserBudgets);
        foreach (string tag in _catalog.Tags.Keys) CheckName($"tags.{tag}", tag);
    }

    private void CheckBusinessUnits()
    {
        for (int index = 0; index < _catalog.BusinessUnits.Count; index++)
        {
            BusinessUnit unit = _catalog.BusinessUnits[index];
            CheckBudgets($"businessUnits[{index}].", unit.Budget, unit.FurtherBudgets);
            CheckParts($"businessUnits[{index}].", unit.ModelBudgets, unit.UserBudgets);
        }
    }

    private void CheckUseCases(HashSet<string> units, HashSet<string> models)
    {
        for (int index = 0; index < _catalog.UseCases.Count; index++)
        {
            UseCase useCase = _catalog.UseCases[index];
            string path = $"useCases[{index}]";
            if (!units.Contains(useCase.BusinessUnit))
                Fault($"{path}.businessUnit", $"'{useCase.BusinessUnit}' is not among the business units");
            CheckBudgets($"{path}.", useCase.Budget, useCase.FurtherBudgets);
            CheckParts($"{path}.", useCase.ModelBudgets, useCase.UserBudgets);
            foreach ((string model, string cheaper) in useCase.Downgrade)
            {
                string place = $"{path}.downgrade.{model}";
                if (!models.Contains(model)) Fault(place, $"model '{model}' has no price");
                if (!models.Contains(cheaper)) Fault(place, $"model '{cheaper}' has no price");
                if (model == cheaper) Fault(place, "must name another model");
            }
        }
    }

    private void CheckDelegates(string path, Delegates? delegates, HashSet<string> agents, HashSet<string> useCases)
    {
        if (delegates is null) return;
        for (int item = 0; item < delegates.Agents.Count; item++)
        {
            if (!agents.Contains(delegates.Agents[item]))
                Fault($"{path}.agents[{item}]", $"'{delegates.Agents[item]}' is not among the agents");
        }

        for (int item = 0; item < delegates.UseCases.Count; item++)
        {
            if (!useCases.Contains(delegates.UseCases[item]))
                Fault($"{path}.useCases[{item}]", $"'{delegates.UseCases[item]}' is not among the use cases");
        }
    }

    private void CheckAgents(HashSet<string> units, HashSet<string> useCases, HashSet<string> models)
    {
        var agents = _catalog.Agents.Select(agent => agent.Id).ToHashSet(StringComparer.Ordinal);
        for (int index = 0; index < _catalog.Agents.Count; index++)
        {
            Agent agent = _catalog.Agents[index];
            string path = $"agents[{index}]";
            if (!units.Contains(agent.BusinessUnit))
                Fault($"{path}.businessUnit", $"'{agent.BusinessUnit}' is not among the business units");
            for (int item = 0; item < agent.UseCases.Count; item++)
            {
                if (!useCases.Contains(agent.UseCases[item]))
                    Fault($"{path}.useCases[{item}]", $"'{agent.UseCases[item]}' is not among the use cases");
            }

            for (int item = 0; item < agent.Models.Count; item++)
                CheckModelPattern($"{path}.models[{item}]", agent.Models[item], models);

            for (int item = 0; item < agent.Tools.Count; item++)
                CheckToolPattern($"{path}.tools[{item}]", agent.Tools[item]);
            CheckBudgets($"{path}.", agent.Budget, agent.FurtherBudgets);
            CheckParts($"{path}.", agent.ModelBudgets, agent.UserBudgets);
            CheckCeilings($"{path}.ceilings", agent);
            CheckBreakers($"{path}.breakers", agent.Breakers);
            CheckDelegates($"{path}.delegates", agent.Delegates, agents, useCases);
            if (agent.Bounds is { } bounds)
            {
                CheckCount($"{path}.bounds.openHolds", bounds.OpenHolds);
                CheckCount($"{path}.bounds.openSessions", bounds.OpenSessions);
                CheckCount($"{path}.bounds.sessionsPerMinute", bounds.SessionsPerMinute);
            }
        }
    }

    private void CheckCeilings(string path, Agent agent)
    {
        if (agent.Ceilings is { } ceilings)
        {
            CheckMoney($"{path}.costPerSession", ceilings.CostPerSession);
            CheckCount($"{path}.tokensPerRequest", ceilings.HasTokensPerRequest ? ceilings.TokensPerRequest : 0);
            CheckCount($"{path}.tokensPerSession", ceilings.HasTokensPerSession ? ceilings.TokensPerSession : 0);
            CheckCount($"{path}.stepsPerSession", ceilings.HasStepsPerSession ? ceilings.StepsPerSession : 0);
            CheckCount(
                $"{path}.toolCallsPerSession", ceilings.HasToolCallsPerSession ? ceilings.ToolCallsPerSession : 0);
            if (ceilings.HasOpenHolds && ceilings.OpenHolds is < 0 or > OpenHoldsMax)
                Fault($"{path}.openHolds", $"must be between 0 and {OpenHoldsMax}");
            CheckRun($"{path}.run", ceilings.Run);
        }

        CheckDuration($"{path}.sessionTtl", agent.SessionTtl);
        CheckDuration($"{path}.sessionLifetime", agent.SessionLifetime);
    }

    private void CheckBreakers(string path, Breakers? breakers)
    {
        if (breakers is null) return;
        CheckTimes("sameToolCall", breakers.SameToolCall);
        CheckTimes("stepsWithoutOutcome", breakers.StepsWithoutOutcome);
        CheckTimes("refusals", breakers.Refusals);
        CheckTimes("suspendedSessions", breakers.SuspendedSessions);
        CheckTimes("suspendedSessionsOfUser", breakers.SuspendedSessionsOfUser);
        if (breakers.BurnRate is null) return;
        if (breakers.BurnRate.CostPerMinute is null) Fault($"{path}.burnRate.costPerMinute", "is missing");
        else CheckMoney($"{path}.burnRate.costPerMinute", breakers.BurnRate.CostPerMinute);

        void CheckTimes(string name, CountBreaker? breaker)
        {
            if (breaker is { Times: < 1 or > CountMax })
                Fault($"{path}.{name}.times", $"must be between 1 and {CountMax}");
        }
    }

    private void CheckRun(string path, RunCeilings? run)
    {
        if (run is null) return;
        CheckMoney($"{path}.cost", run.Cost);
        CheckCount($"{path}.subagents", run.HasSubagents ? run.Subagents : 0);
        CheckCount($"{path}.concurrentSubagents", run.HasConcurrentSubagents ? run.ConcurrentSubagents : 0);
        CheckCount($"{path}.depth", run.HasDepth ? run.Depth : 0);
    }

    private HashSet<string> CheckPrices()
    {
        CheckItems("prices", _catalog.Prices.Count, PricesMax);
        var models = new HashSet<string>(_catalog.Prices.Select(price => price.Model), StringComparer.Ordinal);
        var seen = new HashSet<(string, string, ServiceTier, long)>();
        var ownerOfAlias = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int index = 0; index < _catalog.Prices.Count; index++)
        {
            Price price = _catalog.Prices[index];
            string path = $"prices[{index}]";
            CheckName($"{path}.model", price.Model);
            if (price.EffectiveFrom is null) Fault($"{path}.effectiveFrom", "is missing");
            else if (!LogTime.TryFromTimestamp(price.EffectiveFrom, out long fromNanos))
                Fault($"{path}.effectiveFrom", "must be before the year 2262");
            else if (!seen.Add((price.Model, price.Region, TierOf(price), fromNanos)))
                Fault($"{path}.effectiveFrom", $"there is another price of {price.Model} from the same time on");
            if (price.Region.Length > 0) CheckName($"{path}.region", price.Region);
            foreach (string alias in price.Aliases)
            {
                CheckName($"{path}.aliases", alias);
                if (models.Contains(alias) || ownerOfAlias.GetValueOrDefault(alias, price.Model) != price.Model)
                    Fault($"{path}.aliases", $"'{alias}' already names another model");
                ownerOfAlias[alias] = price.Model;
            }

            bool hasRates = price.Rates is not null && !SameMessage.Are(price.Rates, NoRates);
            if (hasRates) CheckRates($"{path}.rates", price.Rates!);
            else if (price.Units.Count == 0) Fault($"{path}.rates", "needs at least one rate, here or in units");
            CheckUnits(path, price.Units);
            CheckContexts(path, price);
            if (price.HasMaxOutputTokens) CheckCount($"{path}.maxOutputTokens", price.MaxOutputTokens);
            if (price.HasContextTokens) CheckCount($"{path}.contextTokens", price.ContextTokens);
            CheckMultipliers(path, price);
            if (price.Hours is not null) CheckHours($"{path}.hours", price.Hours);
        }

        CheckRegions();
        return models;
    }

    private void CheckContexts(string path, Price price)
    {
        if (price.LongContext is null) return;
        if (price.LongerContexts.Count >= ContextsMax)
            Fault($"{path}.longContext", $"must be at most {ContextsMax} thresholds");
        long before = -1;
        for (int index = 0; index <= price.LongerContexts.Count; index++)
        {
            LongContext context = index == 0 ? price.LongContext : price.LongerContexts[index - 1];
            string place = price.LongerContexts.Count == 0 ? $"{path}.longContext" : $"{path}.longContext[{index}]";
            CheckCount($"{place}.above", context.AboveTokens);
            if (context.AboveTokens <= before) Fault($"{place}.above", "must be above the threshold before it");
            before = context.AboveTokens;
            if (context.Rates is not null) CheckRates($"{place}.rates", context.Rates);
            CheckUnits(place, context.Units);
        }
    }

    private static ServiceTier TierOf(Price price) =>
        price.ServiceTier == ServiceTier.Unspecified ? ServiceTier.Standard : price.ServiceTier;

    private void CheckMultipliers(string path, Price price)
    {
        Check("batch", price.HasBatchMultiplierPpm, price.BatchMultiplierPpm);
        Check("priority", price.HasPriorityMultiplierPpm, price.PriorityMultiplierPpm);
        Check("flex", price.HasFlexMultiplierPpm, price.FlexMultiplierPpm);

        void Check(string tier, bool isGiven, long multiplierPpm)
        {
            if (!isGiven) return;
            if (multiplierPpm is < 0 or > MultiplierPpmMax)
                Fault($"{path}.{tier}.multiplier", "must be between 0 and 10");
            else if (TierOf(price) != ServiceTier.Standard)
                Fault($"{path}.{tier}.multiplier", "belongs to an entry of the standard tier");
        }
    }

    private void CheckUnits(string path, RepeatedField<UnitRate> units)
    {
        CheckItems($"{path}.units", units.Count, UnitsMax);
        for (int index = 0; index < units.Count; index++)
        {
            UnitRate unit = units[index];
            CheckName($"{path}.units[{index}].unit", unit.Unit);
            if (units.Take(index).Any(other => other.Unit == unit.Unit))
                Fault($"{path}.units.{unit.Unit}", "is given twice");
            if (unit.Rate is < 0 or > UnitRateMax)
                Fault($"{path}.units.{unit.Unit}", "must be between 0 and 1,000 for one");
        }
    }

    private void CheckRates(string path, Rates rates)
    {
        CheckRate("input", rates.HasInput, rates.Input);
        CheckRate("output", rates.HasOutput, rates.Output);
        CheckRate("cacheRead", rates.HasCacheRead, rates.CacheRead);
        CheckRate("cacheWrite5m", rates.HasCacheWrite5M, rates.CacheWrite5M);
        CheckRate("cacheWrite1h", rates.HasCacheWrite1H, rates.CacheWrite1H);
        CheckRate("reasoning", rates.HasReasoning, rates.Reasoning);
        CheckRate("inputAudio", rates.HasInputAudio, rates.InputAudio);
        CheckRate("outputAudio", rates.HasOutputAudio, rates.OutputAudio);
        CheckRate("inputImage", rates.HasInputImage, rates.InputImage);
        CheckRate("cacheReadAudio", rates.HasCacheReadAudio, rates.CacheReadAudio);
        CheckRate("cacheWriteAudio", rates.HasCacheWriteAudio, rates.CacheWriteAudio);
        CheckRate("outputImage", rates.HasOutputImage, rates.OutputImage);

        void CheckRate(string bucket, bool isGiven, long rate)
        {
            if (isGiven && rate is < 0 or > RateMax)
                Fault($"{path}.{bucket}", "must be between 0 and 1,000,000 per million tokens");
        }
    }

    private void CheckToolsAndSkus()
    {
        HashSet<string> tools = CheckUnique("tools", _catalog.Tools.Select(tool => tool.Id));
        CheckUnique("skus", _catalog.Skus.Select(sku => sku.Id));
        for (int index = 0; index < _catalog.Tools.Count; index++)
        {
            CheckName($"tools[{index}].id", _catalog.Tools[index].Id);
            CheckMoney($"tools[{index}].cost.perCall", _catalog.Tools[index].CostPerCall);
        }

        for (int index = 0; index < _catalog.Skus.Count; index++)
        {
            CheckName($"skus[{index}].id", _catalog.Skus[index].Id);
            if (_catalog.Skus[index].Cost is null) Fault($"skus[{index}].cost", "is missing");
            CheckMoney($"skus[{index}].cost", _catalog.Skus[index].Cost);
            if (tools.Contains(_catalog.Skus[index].Id))
                Fault($"skus[{index}].id", "already names a tool, whose calls have a cost of their own");
        }
    }

    private HashSet<string> CheckIds(string list, IEnumerable<string> ids)
    {
        List<string> all = [.. ids];
        for (int index = 0; index < all.Count; index++) CheckId($"{list}[{index}].id", all[index]);
        return CheckUnique(list, all);
    }

    private HashSet<string> CheckUnique(string list, IEnumerable<string> ids)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        int index = 0;
        foreach (string id in ids)
        {
            if (!seen.Add(id)) Fault($"{list}[{index}].id", $"'{id}' is there twice");
            index++;
        }

        CheckItems(list, index);
        return seen;
    }

    private void CheckItems(string list, int count, int max = ItemsMax)
    {
        if (count > max) Fault(list, $"has {count} items; at most {max} are allowed");
    }

    private void CheckId(string path, string id)
    {
        bool isId = id.Length is > 0 and <= IdLengthMax
            && id.All(letter => char.IsAsciiLetterLower(letter) || char.IsAsciiDigit(letter) || letter == '-');
        if (!isId) Fault(path, $"'{id}' must be 1 to {IdLengthMax} lower-case letters, digits and dashes");
    }

    private void CheckName(string path, string name)
    {
        bool isName = name.Length is > 0 and <= NameLengthMax && name.All(letter => letter is > ' ' and <= '~');
        if (!isName) Fault(path, $"must be 1 to {NameLengthMax} printable ASCII characters without spaces");
    }

    private void CheckToolPattern(string path, string pattern)
    {
        CheckName(path, pattern);
        int star = pattern.IndexOf('*', StringComparison.Ordinal);
        if (star >= 0 && (star != pattern.Length - 1 || !pattern.EndsWith(".*", StringComparison.Ordinal) || star < 2))
            Fault(path, $"'{pattern}': a star stands for a whole namespace only, as in billing.*");
    }

    // A pattern that no model is of is as wrong as a model that is none.
    private void CheckModelPattern(string path, string pattern, HashSet<string> models)
    {
        int star = pattern.IndexOf('*', StringComparison.Ordinal);
        if (star >= 0 && star != pattern.Length - 1)
            Fault(path, $"'{pattern}': a star stands for the rest of a name, as in gpt-*");
        else if (star >= 0 && !models.Any(model => model.StartsWith(pattern[..star], StringComparison.Ordinal)))
            Fault(path, $"no model with a price is of '{pattern}'");
        else if (star < 0 && !models.Contains(pattern))
            Fault(path, $"model '{pattern}' has no price");
    }

    private void CheckMoney(string path, Money? money)
    {
        if (money is null) return;
        if (!MoneyMath.TryToNanos(money, out long nanos) || nanos is < 0 or > LimitNanosMax)
            Fault(path, $"must be between 0 and {LimitNanosMax / MoneyMath.NanosPerUnit}");
        else if (money.CurrencyCode.Length > 0 && money.CurrencyCode != _catalog.Currency)
            Fault(path, $"must be in {_catalog.Currency}, the tenant's currency");
    }

    private void CheckCount(string path, long count)
    {
        if (count is < 0 or > CountMax) Fault(path, $"must be between 0 and {CountMax}");
    }

    private void CheckDuration(string path, Google.Protobuf.WellKnownTypes.Duration? duration)
    {
        if (duration is null) return;
        bool isFit = duration.Seconds is >= 1 and <= AgentAccount.SessionLifetimeMaxNanos / LogTime.NanosPerSecond;
        if (!isFit) Fault(path, "must be between 1 s and 30 days");
    }
}
