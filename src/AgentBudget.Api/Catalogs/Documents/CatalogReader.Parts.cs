using AgentBudget.Identity;
using AgentBudget.Ledger.Catalogs;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Api.Catalogs.Documents;

// Budgets of an account on models and of its users.
public static partial class CatalogReader
{
    private sealed partial class Walk
    {
        private readonly List<(string Models, int Line)> _families = [];

        private void ReadModelBudgets(DocumentCursor? cursor, RepeatedField<ModelBudget> budgets)
        {
            foreach (DocumentCursor item in Items(cursor, CatalogRules.ModelBudgetsMax))
            {
                DocumentMap map = item.Map("models", "budget", "budgets");
                ModelBudget budget = new() { Models = map.Require("models")?.Word() ?? "" };
                budget.Budget = ReadBudgets(map, budget.FurtherBudgets);
                budgets.Add(budget);
                _families.Add((budget.Models, item.Line));
            }
        }

        private UserBudgets? ReadUserBudgets(DocumentCursor? cursor)
        {
            if (cursor?.Map("budget", "budgets", "users") is not { } map)
                return null;
            UserBudgets budgets = new();
            budgets.Budget = ReadBudgets(map, budgets.FurtherBudgets);
            foreach (DocumentCursor item in Items(map.Find("users"), CatalogRules.NamedUsersMax))
            {
                DocumentMap user = item.Map("user", "budget", "budgets");
                UserBudget budget = new() { User = ReadUser(user.Require("user")) };
                budget.Budget = ReadBudgets(user, budget.FurtherBudgets);
                budgets.Users.Add(budget);
            }

            return budgets;
        }

        // As a session names it.
        private static string ReadUser(DocumentCursor? cursor)
        {
            if (cursor?.Text(FieldRules.TextCharsMax) is not { } text)
                return "";
            if (UserNames.TryNormalize(text, out string user))
                return user;
            cursor.Value.Fault("must be at most 256 visible characters, with no space around it.");
            return "";
        }

        // A family may be named before its first model is priced.
        private void NoticeFamiliesOfNothing(Catalog catalog)
        {
            foreach ((string models, int line) in _families)
            {
                bool isOfAny = models.EndsWith('*')
                    ? catalog.Prices.Any(price => price.Model.StartsWith(models[..^1], StringComparison.Ordinal))
                    : catalog.Prices.Any(price => price.Model == models);
                if (!isOfAny)
                    Notices.Add(CatalogNotice.FamilyOfNothing, line);
            }
        }
    }
}
