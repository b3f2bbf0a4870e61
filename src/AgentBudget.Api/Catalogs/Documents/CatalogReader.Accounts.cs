using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Catalogs.Documents;

public static partial class CatalogReader
{
    private const int TiersMax = 16;
    private const int PercentMax = 1_000;
    private const int DowngradesMax = 64;
    private const int DepthMax = 100;
    private const int RunSubagentsMax = 1_000_000;

    private sealed partial class Walk
    {
        private BusinessUnit ReadBusinessUnit(DocumentCursor item)
        {
            DocumentMap map = item.Map("id", "owner", "finance", "budget", "budgets", "modelBudgets", "userBudgets");
            BusinessUnit unit = new()
            {
                Id = map.Require("id")?.Id() ?? "",
                Owner = ReadContact(map.Find("owner")),
                Finance = ReadContact(map.Find("finance")),
            };
            unit.Budget = ReadBudgets(map, unit.FurtherBudgets);
            ReadModelBudgets(map.Find("modelBudgets"), unit.ModelBudgets);
            unit.UserBudgets = ReadUserBudgets(map.Find("userBudgets"));
            return unit;
        }

        private Contact? ReadContact(DocumentCursor? cursor)
        {
            if (cursor is not { } value)
                return null;
            DocumentMap map = value.Map("name", "notify");
            Contact contact = new() { Name = map.Find("name")?.Text(FieldRules.TextCharsMax) ?? "" };
            if (map.Find("notify") is { } notify && notify.Text(FieldRules.TextCharsMax) is { } url)
            {
                if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? uri) || uri.Scheme != Uri.UriSchemeHttps)
                    notify.Fault("must be an https URL.");
                contact.Notify = url;
                Notices.Add(CatalogNotice.Notify, notify.Line);
            }

            return contact;
        }

        private UseCase ReadUseCase(DocumentCursor item)
        {
            DocumentMap map = item.Map(
                "id", "businessUnit", "class", "budget", "budgets", "modelBudgets", "userBudgets", "downgrade",
                "withoutCheaperModel", "outcomes");
            UseCase useCase = new()
            {
                Id = map.Require("id")?.Id() ?? "",
                BusinessUnit = map.Require("businessUnit")?.Id() ?? "",
                Class = map.Find("class")?.Text(FieldRules.IdCharsMax) ?? "",
                AllowWithoutCheaperModel = ReadWithoutCheaperModel(map.Find("withoutCheaperModel")),
            };
            useCase.Budget = ReadBudgets(map, useCase.FurtherBudgets);
            ReadModelBudgets(map.Find("modelBudgets"), useCase.ModelBudgets);
            useCase.UserBudgets = ReadUserBudgets(map.Find("userBudgets"));
            ReadDowngrade(map.Find("downgrade"), useCase);
            ReadOutcomes(map.Find("outcomes"), useCase);
            return useCase;
        }

        private static bool ReadWithoutCheaperModel(DocumentCursor? cursor)
        {
            string? text = cursor?.Text(FieldRules.IdCharsMax);
            if (text is not (null or "allow" or "refuse"))
                cursor!.Value.Fault("must be allow or refuse.");
            return text == "allow";
        }

        private static void ReadDowngrade(DocumentCursor? cursor, UseCase useCase)
        {
            if (cursor?.OpenMap() is not { } map)
                return;
            if (map.Count > DowngradesMax)
                cursor.Value.Fault($"has {map.Count} models; at most {DowngradesMax} are accepted.");
            foreach ((string model, DocumentCursor value) in map.Entries)
            {
                if (!FieldRules.IsWord(model))
                    value.Fault("is no name of a model: printable ASCII without spaces, at most 128.");
                if (value.Word() is { } cheaper)
                    useCase.Downgrade[model] = cheaper;
            }
        }

        private void ReadOutcomes(DocumentCursor? cursor, UseCase useCase)
        {
            if (cursor?.OpenMap() is not { } map)
                return;
            if (map.Count > FieldRules.MapEntriesMax)
                cursor.Value.Fault($"has {map.Count} outcomes; at most {FieldRules.MapEntriesMax} are accepted.");
            foreach ((string name, DocumentCursor value) in map.Entries)
            {
                DocumentMap rule = value.Map("unit", "baseline", "value");
                useCase.Outcomes[name] = new OutcomeRule
                {
                    Unit = rule.Find("unit")?.Text(FieldRules.IdCharsMax) ?? "",
                    Baseline = rule.Find("baseline")?.Number() ?? 0,
                    Value = rule.Find("value")?.Money(_currency),
                };
            }
        }

        private Agent ReadAgent(DocumentCursor item)
        {
            DocumentMap map = item.Map(
                "id", "businessUnit", "useCases", "tools", "models", "budget", "budgets", "modelBudgets",
                "userBudgets", "ceilings", "breakers", "delegates", "bounds");
            Agent agent = new()
            {
                Id = map.Require("id")?.Id() ?? "",
                BusinessUnit = map.Require("businessUnit")?.Id() ?? "",
            };
            agent.Budget = ReadBudgets(map, agent.FurtherBudgets);
            ReadModelBudgets(map.Find("modelBudgets"), agent.ModelBudgets);
            agent.UserBudgets = ReadUserBudgets(map.Find("userBudgets"));
            foreach (DocumentCursor value in Items(map.Find("useCases"), ScopeItemsMax))
                agent.UseCases.Add(value.Id() ?? "");
            foreach (DocumentCursor value in Items(map.Find("tools"), ScopeItemsMax))
                agent.Tools.Add(ReadToolScope(value));
            foreach (DocumentCursor value in Items(map.Find("models"), ScopeItemsMax))
                agent.Models.Add(value.Word() ?? "");
            ReadCeilings(map.Find("ceilings"), agent);
            agent.Breakers = ReadBreakers(map.Find("breakers"));
            agent.Delegates = ReadDelegates(map.Find("delegates"));
            agent.Bounds = ReadBounds(map.Find("bounds"));
            return agent;
        }

        private static Delegates? ReadDelegates(DocumentCursor? cursor)
        {
            if (cursor?.Map("agents", "useCases") is not { } map)
                return null;
            Delegates delegates = new();
            foreach (DocumentCursor value in Items(map.Find("agents"), ScopeItemsMax))
                delegates.Agents.Add(value.Word() ?? "");
            foreach (DocumentCursor value in Items(map.Find("useCases"), ScopeItemsMax))
                delegates.UseCases.Add(value.Word() ?? "");
            return delegates;
        }

        private static AgentBounds? ReadBounds(DocumentCursor? cursor)
        {
            if (cursor?.Map("openHolds", "openSessions", "sessionsPerMinute") is not { } map)
                return null;
            AgentBounds bounds = new();
            if (map.Find("openHolds")?.Count(min: 1) is { } openHolds)
                bounds.OpenHolds = openHolds;
            if (map.Find("openSessions")?.Count(min: 1) is { } openSessions)
                bounds.OpenSessions = openSessions;
            if (map.Find("sessionsPerMinute")?.Count(min: 1) is { } sessionsPerMinute)
                bounds.SessionsPerMinute = sessionsPerMinute;
            return bounds;
        }

        private static string ReadToolScope(DocumentCursor cursor)
        {
            if (cursor.Word() is not { } text)
                return "";
            if (!FieldRules.IsToolScope(text))
                cursor.Fault("must be a tool such as crm.read, or a namespace such as \"crm.*\".");
            return text;
        }

        private void ReadCeilings(DocumentCursor? cursor, Agent agent)
        {
            if (cursor?.Map(
                "tokensPerRequest", "costPerSession", "tokensPerSession", "stepsPerSession", "toolCallsPerSession",
                "openHolds", "run", "sessionTtl", "sessionLifetime") is not { } map)
            {
                return;
            }

            Ceilings ceilings = new() { CostPerSession = map.Find("costPerSession")?.Money(_currency) };
            if (map.Find("tokensPerRequest")?.Count() is { } tokensPerRequest)
                ceilings.TokensPerRequest = tokensPerRequest;
            if (map.Find("tokensPerSession")?.Count() is { } tokensPerSession)
                ceilings.TokensPerSession = tokensPerSession;
            if (map.Find("stepsPerSession")?.Count() is { } stepsPerSession)
                ceilings.StepsPerSession = stepsPerSession;
            if (map.Find("toolCallsPerSession")?.Count() is { } toolCallsPerSession)
                ceilings.ToolCallsPerSession = toolCallsPerSession;
            if (map.Find("openHolds")?.Count() is { } openHolds)
                ceilings.OpenHolds = openHolds;
            agent.Ceilings = ceilings;
            agent.SessionTtl = map.Find("sessionTtl")?.Duration();
            agent.SessionLifetime = map.Find("sessionLifetime")?.Duration();
            if (agent.SessionTtl is { } ttl && agent.SessionLifetime is { } lifetime && ttl.Seconds > lifetime.Seconds)
                map.Find("sessionTtl")!.Value.Fault("must not be longer than sessionLifetime.");
            ceilings.Run = ReadRun(map.Find("run"));
        }

        private RunCeilings? ReadRun(DocumentCursor? cursor)
        {
            if (cursor?.Map("cost", "subagents", "concurrentSubagents", "depth") is not { } map)
                return null;
            RunCeilings run = new() { Cost = map.Find("cost")?.Money(_currency) };
            if (map.Find("subagents")?.Count(max: RunSubagentsMax) is { } subagents)
                run.Subagents = subagents;
            if (map.Find("concurrentSubagents")?.Count(max: RunSubagentsMax) is { } concurrent)
                run.ConcurrentSubagents = concurrent;
            if (map.Find("depth")?.Count(max: DepthMax) is { } depth)
                run.Depth = depth;
            return run;
        }

        private Breakers? ReadBreakers(DocumentCursor? cursor)
        {
            if (cursor?.Map(
                "sameToolCall",
                "burnRate",
                "stepsWithoutOutcome",
                "refusals",
                "suspendedSessions",
                "suspendedSessionsOfUser",
                "refusalsOfAgent",
                "burnRateOfAgent") is not { } map)
            {
                return null;
            }

            return new Breakers
            {
                SameToolCall = ReadBreaker(map.Find("sameToolCall"), "times"),
                StepsWithoutOutcome = ReadBreaker(map.Find("stepsWithoutOutcome"), "steps"),
                Refusals = ReadBreaker(map.Find("refusals"), "times"),
                SuspendedSessions = ReadBreaker(map.Find("suspendedSessions"), "times"),
                SuspendedSessionsOfUser = ReadBreaker(map.Find("suspendedSessionsOfUser"), "times"),
                RefusalsOfAgent = ReadBreaker(map.Find("refusalsOfAgent"), "times"),
                BurnRate = ReadBurnBreaker(map.Find("burnRate")),
                BurnRateOfAgent = ReadBurnBreaker(map.Find("burnRateOfAgent")),
            };
        }

        private BurnBreaker? ReadBurnBreaker(DocumentCursor? cursor)
        {
            if (cursor?.Map("costPerMinute", "mode", "suspends") is not { } map)
                return null;
            return new BurnBreaker
            {
                CostPerMinute = map.Require("costPerMinute")?.Money(_currency),
                Mode = ReadMode(map.Find("mode")),
                Suspends = ReadReach(map.Find("suspends")),
            };
        }

        private static CountBreaker? ReadBreaker(DocumentCursor? cursor, string count)
        {
            if (cursor?.Map(count, "times", "mode", "suspends") is not { } map)
                return null;
            // Steps may be called times, as the others are.
            DocumentCursor? times = map.Find("times") ?? map.Require(count);
            return new CountBreaker
            {
                Times = times?.Count(min: 1) ?? 0,
                Mode = ReadMode(map.Find("mode")),
                Suspends = ReadReach(map.Find("suspends")),
            };
        }

        private static BreakerMode ReadMode(DocumentCursor? cursor)
        {
            string? text = cursor?.Text(FieldRules.IdCharsMax);
            if (text is not (null or "observe" or "enforce"))
                cursor!.Value.Fault("must be observe or enforce.");
            return text == "observe" ? BreakerMode.Observe : BreakerMode.Enforce;
        }

        private static BreakerReach ReadReach(DocumentCursor? cursor)
        {
            string? text = cursor?.Text(FieldRules.IdCharsMax);
            if (text is not (null or "session" or "run"))
                cursor!.Value.Fault("must be session or run.");
            return text == "run" ? BreakerReach.Run : BreakerReach.Session;
        }
    }
}
