using System.Buffers;
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
    /// <summary>Agents: some 2 KiB of memory each, and what a whole document of 16 MiB names in short.</summary>
    public const int AgentsMax = 100_000;

    /// <summary>Business units: more than an organization has cost centers with a budget of agents.</summary>
    public const int BusinessUnitsMax = 1_000;

    /// <summary>Use cases.</summary>
    public const int UseCasesMax = 2_000;

    /// <summary>Tools with a cost of their own.</summary>
    public const int ToolsMax = 2_000;

    /// <summary>SKUs.</summary>
    public const int SkusMax = 1_000;

    /// <summary>Tags, as many as a session may carry.</summary>
    public const int TagsMax = 32;

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

    // More are not worth reading: what is removed may be named by every agent.
    private const int FaultsMax = 100;

    private static readonly Rates NoRates = new();

    private static readonly SearchValues<char> IdLetters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-");

    private readonly string _currency;
    private readonly Func<string, bool> _has;
    private readonly ModelNames _models;
    private readonly List<Fault> _faults = [];

    // What was found once is not looked for again: many agents name the same.
    private readonly HashSet<string> _units = new(StringComparer.Ordinal);
    private readonly HashSet<string> _useCases = new(StringComparer.Ordinal);
    private readonly HashSet<string> _patterns = new(StringComparer.Ordinal);

    private CatalogRules(string currency, Func<string, bool> has, ModelNames models) =>
        (_currency, _has, _models) = (currency, has, models);

    /// <summary>The faults of a whole catalog, at most 100; empty for one that may be applied.</summary>
    public static List<Fault> Check(Catalog catalog)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        var entries = new CatalogEntries(catalog);
        var rules = new CatalogRules(
            catalog.Currency,
            item => entries.Find(item) is not null,
            new ModelNames(catalog.Prices.Select(price => price.Model)));
        rules.CheckTenant(catalog);
        rules.CheckEntries(catalog, list => list.EntriesOf(catalog).Count, catalog.Tags.Count);
        rules.CheckPrices(At("prices", catalog.Prices));
        rules.CheckRegions(At("regionalMultipliers", catalog.RegionalMultipliers));
        rules.CheckToolsAndSkus(At("tools", catalog.Tools), At("skus", catalog.Skus));
        return rules._faults;
    }

    private static List<(string Path, T Entry)> At<T>(string list, IEnumerable<T> entries) =>
        [.. entries.Select((entry, index) => ($"{list}[{index}]", entry))];

    private void Fault(string path, string description)
    {
        if (_faults.Count >= FaultsMax) return;
        _faults.Add(_staying is null
            ? new Fault(path, description)
            : new Fault("remove", $"{_staying} names what is removed: {path.TrimStart('.')} {description}"));
    }

    private void CheckEntries(Catalog catalog, Func<CatalogList, int> countOf, int tags)
    {
        foreach (string tag in catalog.Tags.Keys) CheckName($"tags.{tag}", tag);
        CheckItems("tags", tags, TagsMax);
        CheckItems("businessUnits", countOf(CatalogList.BusinessUnits), BusinessUnitsMax);
        CheckItems("useCases", countOf(CatalogList.UseCases), UseCasesMax);
        CheckItems("agents", countOf(CatalogList.Agents), AgentsMax);
        CheckItems("tools", countOf(CatalogList.Tools), ToolsMax);
        CheckItems("prices", countOf(CatalogList.Prices), PricesMax);
        CheckItems("regionalMultipliers", countOf(CatalogList.Regions), RegionsMax);
        CheckItems("skus", countOf(CatalogList.Skus), SkusMax);
        CheckIds("businessUnits", catalog.BusinessUnits.Select(unit => unit.Id));
        CheckIds("useCases", catalog.UseCases.Select(useCase => useCase.Id));
        CheckIds("agents", catalog.Agents.Select(agent => agent.Id));
        foreach ((string path, BusinessUnit unit) in At("businessUnits", catalog.BusinessUnits))
        {
            CheckBudgets($"{path}.", unit.Budget, unit.FurtherBudgets);
            CheckParts($"{path}.", unit.ModelBudgets, unit.UserBudgets);
        }

        foreach ((string path, UseCase useCase) in At("useCases", catalog.UseCases)) Check(path, useCase);
        foreach ((string path, Agent agent) in At("agents", catalog.Agents)) Check(path, agent);
    }

    private void CheckTenant(Catalog catalog)
    {
        CheckId("tenant", catalog.Tenant);
        if (catalog.Currency.Length != CurrencyLength || !catalog.Currency.All(char.IsAsciiLetterUpper))
            Fault("currency", "must be a three-letter ISO 4217 code such as USD");
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(catalog.TimeZone, out _))
            Fault("timeZone", $"'{catalog.TimeZone}' is not a known IANA time zone such as Europe/Berlin");
        CheckBudgets("", catalog.Budget, catalog.FurtherBudgets);
        CheckParts("", catalog.ModelBudgets, catalog.UserBudgets);
    }

    private void Check(string path, UseCase useCase)
    {
        CheckReferences($"{path}.", useCase);
        CheckBudgets($"{path}.", useCase.Budget, useCase.FurtherBudgets);
        CheckParts($"{path}.", useCase.ModelBudgets, useCase.UserBudgets);
        foreach ((string name, OutcomeRule rule) in useCase.Outcomes)
            CheckMoney($"{path}.outcomes.{name}.value", rule.Value);
    }

    private void CheckReferences(string prefix, UseCase useCase)
    {
        CheckUnit(prefix, useCase.BusinessUnit);
        foreach ((string model, string cheaper) in useCase.Downgrade)
        {
            string place = $"{prefix}downgrade.{model}";
            if (!_models.Has(model)) Fault(place, $"model '{model}' has no price");
            if (!_models.Has(cheaper)) Fault(place, $"model '{cheaper}' has no price");
            if (model == cheaper) Fault(place, "must name another model");
        }
    }

    private void CheckUnit(string prefix, string id)
    {
        if (_units.Contains(id)) return;
        if (_has(Names.BusinessUnitPrefix + id)) _units.Add(id);
        else Fault($"{prefix}businessUnit", $"'{id}' is not among the business units");
    }

    private void CheckUseCases(string path, RepeatedField<string> ids)
    {
        for (int item = 0; item < ids.Count; item++)
        {
            if (_useCases.Contains(ids[item])) continue;
            if (_has(Names.UseCasePrefix + ids[item])) _useCases.Add(ids[item]);
            else Fault($"{path}useCases[{item}]", $"'{ids[item]}' is not among the use cases");
        }
    }

    private void Check(string path, Agent agent)
    {
        CheckReferences($"{path}.", agent);
        for (int item = 0; item < agent.Tools.Count; item++)
            CheckToolPattern($"{path}.tools[{item}]", agent.Tools[item]);
        CheckBudgets($"{path}.", agent.Budget, agent.FurtherBudgets);
        CheckParts($"{path}.", agent.ModelBudgets, agent.UserBudgets);
        if (agent.Ceilings is not null || agent.SessionTtl is not null || agent.SessionLifetime is not null)
            CheckCeilings($"{path}.ceilings", agent);
        if (agent.Breakers is not null) CheckBreakers($"{path}.breakers", agent.Breakers);
        if (agent.Bounds is { } bounds)
        {
            CheckCount($"{path}.bounds.openHolds", bounds.OpenHolds);
            CheckCount($"{path}.bounds.openSessions", bounds.OpenSessions);
            CheckCount($"{path}.bounds.sessionsPerMinute", bounds.SessionsPerMinute);
        }
    }

    private void CheckReferences(string prefix, Agent agent)
    {
        CheckUnit(prefix, agent.BusinessUnit);
        CheckUseCases(prefix, agent.UseCases);
        for (int item = 0; item < agent.Models.Count; item++)
        {
            if (!_patterns.Contains(agent.Models[item]))
                CheckModelPattern($"{prefix}models[{item}]", agent.Models[item]);
        }

        if (agent.Delegates is not { } delegates) return;
        for (int item = 0; item < delegates.Agents.Count; item++)
        {
            if (!_has(Names.AgentPrefix + delegates.Agents[item]))
                Fault($"{prefix}delegates.agents[{item}]", $"'{delegates.Agents[item]}' is not among the agents");
        }

        CheckUseCases($"{prefix}delegates.", delegates.UseCases);
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
        CheckTimes("refusalsOfAgent", breakers.RefusalsOfAgent);
        CheckRate("burnRate", breakers.BurnRate);
        CheckRate("burnRateOfAgent", breakers.BurnRateOfAgent);

        void CheckTimes(string name, CountBreaker? breaker)
        {
            if (breaker is { Times: < 1 or > CountMax })
                Fault($"{path}.{name}.times", $"must be between 1 and {CountMax}");
        }

        void CheckRate(string name, BurnBreaker? breaker)
        {
            if (breaker is { CostPerMinute: null }) Fault($"{path}.{name}.costPerMinute", "is missing");
            else if (breaker is not null) CheckMoney($"{path}.{name}.costPerMinute", breaker.CostPerMinute);
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

    private void CheckPrices(IReadOnlyList<(string Path, Price Entry)> prices)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var ownerOfAlias = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string path, Price price) in prices)
        {
            CheckName($"{path}.model", price.Model);
            if (price.EffectiveFrom is null) Fault($"{path}.effectiveFrom", "is missing");
            else if (!LogTime.TryFromTimestamp(price.EffectiveFrom, out _))
                Fault($"{path}.effectiveFrom", "must be before the year 2262");
            else if (price.Model.Length > 0 && !seen.Add(CatalogList.Prices.ItemOf(price)))
                Fault($"{path}.effectiveFrom", $"there is another price of {price.Model} from the same time on");
            if (price.Region.Length > 0) CheckName($"{path}.region", price.Region);
            foreach (string alias in price.Aliases)
            {
                CheckName($"{path}.aliases", alias);
                if (_models.Has(alias) || ownerOfAlias.GetValueOrDefault(alias, price.Model) != price.Model)
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

    private void CheckToolsAndSkus(
        IEnumerable<(string Path, Tool Entry)> tools, IEnumerable<(string Path, Sku Entry)> skus)
    {
        var toolIds = new HashSet<string>(StringComparer.Ordinal);
        foreach ((string path, Tool tool) in tools)
        {
            CheckUnique($"{path}.id", tool.Id, toolIds);
            CheckName($"{path}.id", tool.Id);
            CheckMoney($"{path}.cost.perCall", tool.CostPerCall);
        }

        var skuIds = new HashSet<string>(StringComparer.Ordinal);
        foreach ((string path, Sku sku) in skus)
        {
            CheckUnique($"{path}.id", sku.Id, skuIds);
            CheckName($"{path}.id", sku.Id);
            if (sku.Cost is null) Fault($"{path}.cost", "is missing");
            CheckMoney($"{path}.cost", sku.Cost);
            if (toolIds.Contains(sku.Id))
                Fault($"{path}.id", "already names a tool, whose calls have a cost of their own");
        }
    }

    private void CheckIds(string list, IEnumerable<string> ids)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        int index = 0;
        foreach (string id in ids)
        {
            if (!IsId(id)) Fault($"{list}[{index}].id", IdDescription(id));
            if (!seen.Add(id)) Fault($"{list}[{index}].id", $"'{id}' is there twice");
            index++;
        }
    }

    private void CheckUnique(string path, string id, HashSet<string> seen)
    {
        if (!seen.Add(id)) Fault(path, $"'{id}' is there twice");
    }

    private void CheckItems(string list, int count, int max)
    {
        if (count > max) Fault(list, $"has {count} items; at most {max} are allowed");
    }

    private void CheckId(string path, string id)
    {
        if (!IsId(id)) Fault(path, IdDescription(id));
    }

    private static string IdDescription(string id) =>
        $"'{id}' must be 1 to {IdLengthMax} lower-case letters, digits and dashes";

    private static bool IsId(string id) => id.Length is > 0 and <= IdLengthMax
        && !id.AsSpan().ContainsAnyExcept(IdLetters);

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
    private void CheckModelPattern(string path, string pattern)
    {
        int star = pattern.IndexOf('*', StringComparison.Ordinal);
        if (star >= 0 && star != pattern.Length - 1)
            Fault(path, $"'{pattern}': a star stands for the rest of a name, as in gpt-*");
        else if (!_models.HasAnyOf(pattern))
            Fault(path, star < 0 ? $"model '{pattern}' has no price" : $"no model with a price is of '{pattern}'");
        else
            _patterns.Add(pattern);
    }

    private void CheckMoney(string path, Money? money)
    {
        if (money is null) return;
        if (!MoneyMath.TryToNanos(money, out long nanos) || nanos is < 0 or > LimitNanosMax)
            Fault(path, $"must be between 0 and {LimitNanosMax / MoneyMath.NanosPerUnit}");
        else if (money.CurrencyCode.Length > 0 && money.CurrencyCode != _currency)
            Fault(path, $"must be in {_currency}, the tenant's currency");
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
