using System.Collections;
using AgentBudget.Api.Catalogs.Documents;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Api.Tests.Catalogs;

public sealed class CatalogWriterTests
{
    // Something of every key that the reader knows.
    private const string Everything = """
        tenant: acme
        currency: USD
        timeZone: Europe/Berlin
        budgets:
          - { limit: 1000.5, period: { month: 15 } }
          - { tokens: 5, period: { rolling: 7d } }
        unpricedItems: refuse
        requireProvenUsers: true
        modelBudgets: [{ models: "claude-*", budget: { limit: 9, period: { day: "13:40" } } }]
        userBudgets:
          budget: { limit: 3, period: { week: wednesday } }
          users: [{ user: "user:kim", budgets: [{ limit: 0 }, { limit: 7, period: hour }] }, { user: "user:lee" }]
        tags:
          customer: {}
          environment: { required: true, values: [prod, "st: aging"] }
        businessUnits:
          - id: marketing
            owner: { name: "Märketing: \"ops\"", notify: "https://hooks.example.test/m" }
            finance: { name: FinOps }
            budget: { limit: 5000.00, period: { year: "04-06" }, rollover: unused }
          - id: sales
            budgets: [{ limit: 1, period: day }, { limit: 5 }]
            modelBudgets: [{ models: haiku, budgets: [{ tokens: 1 }, { tokens: 2, period: day }] }]
            userBudgets: { budgets: [{ limit: 1, period: day }, { limit: 5 }] }
        useCases:
          - id: leads
            businessUnit: sales
            budgets: [{ limit: 1, period: day }, { limit: 5 }]
            modelBudgets: [{ models: haiku, budgets: [{ tokens: 1 }, { tokens: 2, period: day }] }]
            userBudgets: { budgets: [{ limit: 1, period: day }, { limit: 5 }] }
          - id: promo
            businessUnit: marketing
            class: demand
            budget:
              limit: 100
              tokens: 900
              period: quarter
              carry: overspend
              autoApprove: { limit: 20.5, tokens: 7 }
              rollover: { cap: 3, capTokens: 9 }
              tiers: [{ at: 50, notify: [owner, finance] }, { at: 100, action: downgrade }, { at: 110, action: refuse }]
            downgrade: { claude-4.5: haiku }
            withoutCheaperModel: allow
            outcomes: { quotesBound: { unit: quotes, baseline: -120.25, value: 3.5 } }
        agents:
          - id: writer
            businessUnit: marketing
            useCases: [promo]
            tools: [crm.read, "search.*"]
            models: [claude-4.5, "ha*"]
            budget: { limit: 20, period: day }
            ceilings:
              tokensPerRequest: 0
              costPerSession: 2
              tokensPerSession: 3
              stepsPerSession: 4
              toolCallsPerSession: 5
              openHolds: 6
              run: { cost: 5, subagents: 20, concurrentSubagents: 8, depth: 3 }
              sessionTtl: 90s
              sessionLifetime: 8h
            breakers:
              sameToolCall: { times: 5, mode: observe }
              burnRate: { costPerMinute: 1.5, suspends: run }
              stepsWithoutOutcome: { steps: 9 }
              refusals: { times: 20 }
              suspendedSessions: { times: 2 }
              suspendedSessionsOfUser: { times: 1 }
              refusalsOfAgent: { times: 9 }
              burnRateOfAgent: { costPerMinute: 2.5, mode: observe }
            delegates: { agents: [writer], useCases: [promo] }
            bounds: { openHolds: 1, openSessions: 2, sessionsPerMinute: 3 }
          - id: busy
            businessUnit: sales
            budgets: [{ limit: 1, period: day }, { limit: 5 }]
            modelBudgets: [{ models: haiku, budgets: [{ tokens: 1 }, { tokens: 2, period: day }] }]
            userBudgets: { budgets: [{ limit: 1, period: day }, { limit: 5 }] }
          - { id: idle, businessUnit: marketing }
        tools: [{ id: crm.read }, { id: search.web, cost: { perCall: 0.000000001 } }]
        prices:
          - model: claude-4.5
            aliases: [claude-latest]
            provider: anthropic
            effectiveFrom: 2026-01-01T08:00:00Z
            rates: { input: 3, output: 15, cacheRead: 0, cacheWrite5m: 3.75, cacheWrite1h: 6, reasoning: 1,
              inputAudio: 2, outputAudio: 3, inputImage: 4, cacheReadAudio: 5, cacheWriteAudio: 6, outputImage: 7 }
            units: { request: 0.005, second: 0.000000000000001 }
            longContext:
              - { above: 32000, rates: { input: 6 }, units: { request: 0 } }
              - { above: 200000, rates: { input: 9 } }
            batch: { multiplier: 0.5 }
            priority: { multiplier: 2 }
            flex: { multiplier: 0.333333 }
            maxOutputTokens: 64000
            contextTokens: 200000
            hours:
              zone: Asia/Shanghai
              spans:
                - { days: [monday, friday], from: "09:00", to: "24:00", multiplier: 2, rates: { output: 30 } }
          - { model: haiku, region: eu, serviceTier: flex, rates: { input: 1 },
              longContext: { above: 9, rates: { input: 2 } } }
          - { model: haiku, rates: { input: 1 } }
          - { model: pictures, units: { image: 0.04 } }
        regionalMultipliers: [{ region: eu, models: "claude-*", provider: anthropic, multiplier: 1.1 }]
        skus: [{ id: sandbox.minute, unit: minute, cost: 0.004 }]
        """;

    [Theory]
    [InlineData(CatalogFormat.Yaml)]
    [InlineData(CatalogFormat.Json)]
    public void What_is_written_reads_back_as_the_same_catalog(CatalogFormat format)
    {
        CatalogReading first = CatalogReader.Read(Everything, CatalogFormat.Yaml);
        Assert.Empty(first.Faults);

        string written = CatalogWriter.Write(first.Catalog, format);
        CatalogReading again = CatalogReader.Read(written, format);

        Assert.Empty(again.Faults);
        Assert.Equal(first.Catalog.ToString(), again.Catalog.ToString());
        Assert.Equal(first.Catalog, again.Catalog);
    }

    [Fact]
    public void Every_field_that_a_catalog_has_is_written_and_read_here()
    {
        SortedSet<string> all = new(StringComparer.Ordinal);
        SortedSet<string> said = new(StringComparer.Ordinal);
        AddFields(Catalog.Descriptor, all);
        AddSaid(CatalogReader.Read(Everything, CatalogFormat.Yaml).Catalog, said);

        Assert.Equal(all, said);
    }

    // Money and times are written as one value.
    private static bool IsCatalogs(MessageDescriptor message) =>
        message.File.Package == Catalog.Descriptor.File.Package && message != Money.Descriptor;

    private static void AddFields(MessageDescriptor message, SortedSet<string> fields)
    {
        foreach (FieldDescriptor field in message.Fields.InDeclarationOrder())
        {
            FieldDescriptor value = field.IsMap ? field.MessageType.FindFieldByName("value") : field;
            bool isNew = fields.Add(field.FullName);
            if (isNew && value.FieldType == FieldType.Message && IsCatalogs(value.MessageType))
                AddFields(value.MessageType, fields);
        }
    }

    private static void AddSaid(IMessage message, SortedSet<string> fields)
    {
        IMessage empty = message.Descriptor.Parser.ParseFrom(ByteString.Empty);
        foreach (FieldDescriptor field in message.Descriptor.Fields.InDeclarationOrder())
        {
            object? value = field.Accessor.GetValue(message);
            object?[] parts = value switch
            {
                IDictionary map => [.. map.Values.Cast<object?>()],
                IList list => [.. list.Cast<object?>()],
                _ => [value],
            };
            bool isSaid = field.IsRepeated || field.IsMap ? parts.Length > 0
                : field.HasPresence ? field.Accessor.HasValue(message)
                : !Equals(value, field.Accessor.GetValue(empty));
            if (!isSaid)
                continue;
            fields.Add(field.FullName);
            foreach (IMessage part in parts.OfType<IMessage>().Where(part => IsCatalogs(part.Descriptor)))
                AddSaid(part, fields);
        }
    }

    [Fact]
    public void An_entry_of_a_list_is_a_line()
    {
        CatalogReading reading = CatalogReader.Read(Everything, CatalogFormat.Yaml);

        string written = CatalogWriter.Write(reading.Catalog, CatalogFormat.Yaml);

        Assert.Contains("\nagents:\n  - {\"id\":\"writer\",", written, StringComparison.Ordinal);
        Assert.Contains("\n  - {\"id\":\"idle\",\"businessUnit\":\"marketing\"}\n", written, StringComparison.Ordinal);
    }
}
