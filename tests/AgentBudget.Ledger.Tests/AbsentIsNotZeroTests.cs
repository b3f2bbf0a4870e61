using System.Collections;
using AgentBudget.Ledger.Catalogs;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Ledger.Tests;

/// <summary>An optional number of a catalog that is absent says something else than zero, wherever it stands.</summary>
public sealed class AbsentIsNotZeroTests
{
    private static readonly Catalog Whole = Filled();

    public static TheoryData<string> OptionalFields()
    {
        var paths = new TheoryData<string>();
        foreach ((string path, _, _) in OptionalFieldsOf(Whole, "")) paths.Add(path);
        return paths;
    }

    [Fact]
    public void Optional_fields_are_found_in_every_part_of_a_catalog()
    {
        string[] paths = [.. OptionalFieldsOf(Whole, "").Select(field => field.Path)];

        Assert.Contains(".budget.tokens", paths);
        Assert.Contains(".further_budgets.rollover.cap_tokens", paths);
        Assert.Contains(".use_cases.budget.tokens", paths);
        Assert.Contains(".agents.ceilings.run.depth", paths);
        Assert.Contains(".prices.long_context.rates.cache_write_1h", paths);
        Assert.Contains(".prices.priority_multiplier_ppm", paths);
    }

    [Theory]
    [MemberData(nameof(OptionalFields))]
    public void Zero_in_place_of_nothing_is_a_change_of_a_catalog_both_ways(string path)
    {
        (Catalog absent, Catalog zero) = Variants(path);

        Assert.Single(CatalogDiff.Between(absent, zero));
        Assert.Single(CatalogDiff.Between(zero, absent));
        Assert.Empty(CatalogDiff.Between(zero, zero.Clone()));
        Assert.Empty(CatalogDiff.Between(absent, Catalog.Parser.ParseFrom(absent.ToByteArray())));
    }

    [Theory]
    [MemberData(nameof(OptionalFields))]
    public void Zero_in_place_of_nothing_is_a_change_beside_another(string path)
    {
        (Catalog absent, Catalog zero) = Variants(path);
        zero.BusinessUnits.Add(new BusinessUnit { Id = "another" });
        Catalog reduced = absent.Clone();
        reduced.BusinessUnits.Add(new BusinessUnit { Id = "another" });

        Assert.Equal(2, CatalogDiff.Between(absent, zero).Count);
        Assert.Single(CatalogDiff.Between(reduced, zero));
    }

    [Theory]
    [MemberData(nameof(OptionalFields))]
    public void A_stored_catalog_keeps_zero_and_nothing_apart(string path)
    {
        (Catalog absent, Catalog zero) = Variants(path);

        Assert.True(SameMessage.Are(zero, Catalog.Parser.ParseFrom(zero.ToByteArray())));
        Assert.False(SameMessage.Are(absent, Catalog.Parser.ParseFrom(zero.ToByteArray())));
        Assert.False(SameMessage.Are(zero, JsonParser.Default.Parse<Catalog>(absent.ToString())));
    }

    [Fact]
    public void A_token_limit_of_zero_beside_a_money_limit_is_told_and_allows_nothing()
    {
        var fixture = new LedgerFixture(catalog =>
            catalog.UseCases[0].Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(100) });
        long session = fixture.Open();
        fixture.Hold(session);

        Answer applied = fixture.Change(catalog => catalog.UseCases[0].Budget.Tokens = 0);

        CatalogChange change = Assert.Single(applied.Event!.CatalogApplied.Changes);
        Assert.Equal("useCases/promo", change.Item);
        Assert.Equal(Reason.UseCaseBudget, fixture.RefusalOf(session));
        fixture.Restart();
        Assert.Equal(Reason.UseCaseBudget, fixture.RefusalOf(session));
        applied = fixture.Change(catalog => catalog.UseCases[0].Budget.ClearTokens());
        Assert.Single(applied.Event!.CatalogApplied.Changes);
        Assert.Equal(Reason.Unspecified, fixture.RefusalOf(session));
    }

    [Fact]
    public void A_ceiling_of_zero_steps_is_told_and_allows_no_call()
    {
        var fixture = new LedgerFixture(catalog => catalog.Agents[0].Ceilings = new Ceilings());

        Answer applied = fixture.Change(catalog => catalog.Agents[0].Ceilings.StepsPerSession = 0);

        Assert.Single(applied.Event!.CatalogApplied.Changes);
        Assert.Equal(Reason.StepCeiling, fixture.RefusalOf(fixture.Open()));
    }

    [Fact]
    public void A_cap_of_zero_tokens_on_what_is_carried_over_is_told()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.UseCases[0].Budget.Tokens = 5000;
            catalog.UseCases[0].Budget.Rollover = new Rollover();
        });
        fixture.Change(catalog => catalog.UseCases[0].Budget.Rollover.CapTokens = 0);

        fixture.Advance(31 * LedgerFixture.Day);

        Assert.Equal(0, fixture.Balance("useCases/promo").CarriedTokens);
    }

    [Fact]
    public void A_zero_rate_that_is_removed_is_a_new_version_of_the_prices_and_no_longer_free()
    {
        var fixture = new LedgerFixture(catalog => catalog.Prices[1].Rates.CacheRead = 0);
        long session = fixture.Open();
        Assert.Equal(0, CachedCost(fixture, session));

        CatalogApplied applied = fixture.Change(
            catalog => catalog.Prices[1].Rates.ClearCacheRead()).Event!.CatalogApplied;

        Assert.Equal(2, applied.PriceVersion);
        Assert.Equal(Reason.UnknownPrice, fixture.RefusalOf(session, Cached));
        fixture.Restart();
        Assert.Equal(Reason.UnknownPrice, fixture.RefusalOf(session, Cached));
        Assert.Equal(
            3, fixture.Change(catalog => catalog.Prices[1].Rates.CacheRead = 0).Event!.CatalogApplied.PriceVersion);
        Assert.Equal(0, CachedCost(fixture, session));
    }

    [Fact]
    public void A_zero_rate_that_is_removed_beside_another_change_is_a_new_version_too()
    {
        var fixture = new LedgerFixture(catalog => catalog.Prices[1].Rates.CacheRead = 0);

        CatalogApplied applied = fixture.Change(catalog =>
        {
            catalog.Prices[1].Rates.ClearCacheRead();
            catalog.UseCases[0].Class = "writing";
        }).Event!.CatalogApplied;

        Assert.Equal(2, applied.PriceVersion);
        Assert.Equal(2, applied.Changes.Count);
        Assert.Equal(Reason.UnknownPrice, fixture.RefusalOf(fixture.Open(), Cached));
    }

    private static void Cached(ReserveTokensRequest request) =>
        request.Estimate = new TokenEstimate { CacheReadTokens = 1000, MaxOutputTokens = 0 };

    private static long CachedCost(LedgerFixture fixture, long session) =>
        fixture.Reserve(session, Cached).Event!.ReservationHeld.CostNanos;

    private static (Catalog Absent, Catalog Zero) Variants(string path)
    {
        Catalog absent = Whole.Clone();
        Catalog zero = Whole.Clone();
        (_, IMessage owner, FieldDescriptor field) = OptionalFieldsOf(absent, "").Single(found => found.Path == path);
        field.Accessor.Clear(owner);
        (_, owner, field) = OptionalFieldsOf(zero, "").Single(found => found.Path == path);
        field.Accessor.SetValue(owner, ZeroOf(field));
        return (absent, zero);
    }

    private static object ZeroOf(FieldDescriptor field) => field.FieldType switch
    {
        FieldType.Int64 => 0L,
        FieldType.Int32 => 0,
        FieldType.Bool => false,
        FieldType.Double => 0.0,
        FieldType.String => "",
        _ => throw new InvalidOperationException($"{field.FullName} has no zero in this test"),
    };

    private static IEnumerable<(string Path, IMessage Owner, FieldDescriptor Field)> OptionalFieldsOf(
        IMessage message, string prefix)
    {
        foreach (FieldDescriptor field in message.Descriptor.Fields.InDeclarationOrder())
        {
            string path = $"{prefix}.{field.Name}";
            if (field.FieldType != FieldType.Message)
            {
                if (field.HasPresence) yield return (path, message, field);
                continue;
            }

            object value = field.Accessor.GetValue(message);
            IEnumerable<object?> parts = value switch
            {
                IDictionary map => map.Values.Cast<object?>(),
                IList list => list.Cast<object?>(),
                _ => [value],
            };
            foreach (IMessage part in parts.OfType<IMessage>())
            {
                foreach (var found in OptionalFieldsOf(part, path)) yield return found;
            }
        }
    }

    // A catalog with one of everything, so that every optional field has a place.
    private static Catalog Filled()
    {
        var catalog = new Catalog();
        Fill(catalog);
        return catalog;

        static void Fill(IMessage message)
        {
            foreach (FieldDescriptor field in message.Descriptor.Fields.InDeclarationOrder())
            {
                if (field.FieldType == FieldType.String && !field.IsRepeated)
                    field.Accessor.SetValue(message, "x");
                if (field.FieldType != FieldType.Message) continue;
                if (field.IsMap)
                {
                    FieldDescriptor valueField = field.MessageType.FindFieldByNumber(2);
                    if (valueField.FieldType == FieldType.Message)
                        ((IDictionary)field.Accessor.GetValue(message)).Add("x", New(valueField.MessageType));
                }
                else if (field.IsRepeated)
                {
                    ((IList)field.Accessor.GetValue(message)).Add(New(field.MessageType));
                }
                else
                {
                    field.Accessor.SetValue(message, New(field.MessageType));
                }
            }
        }

        static IMessage New(MessageDescriptor type)
        {
            IMessage message = type.Parser.ParseFrom(ByteString.Empty);
            Fill(message);
            return message;
        }
    }
}
