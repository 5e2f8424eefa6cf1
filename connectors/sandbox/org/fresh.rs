//! What a fresh org contains: itself, its hours, stages and statuses, profiles, and two users.

use super::Org;
use super::cell::Cell;
use super::id::Id;
use super::kind::Kind;
use super::options::OrgOptions;
use super::row::Author;
use super::stages::NewStage;

/// Name, chance of winning in percent, whether closed.
const STAGES: [(&str, u8, bool); 10] = [
    ("Prospecting", 10, false),
    ("Qualification", 10, false),
    ("Needs Analysis", 20, false),
    ("Value Proposition", 50, false),
    ("Id. Decision Makers", 60, false),
    ("Perception Analysis", 70, false),
    ("Proposal/Price Quote", 75, false),
    ("Negotiation/Review", 90, false),
    ("Closed Won", 100, true),
    ("Closed Lost", 0, true),
];

/// Name, whether it is the default, whether a task in it is closed.
const STATUSES: [(&str, bool, bool); 5] = [
    ("Not Started", true, false),
    ("In Progress", false, false),
    ("Completed", false, true),
    ("Waiting on someone else", false, false),
    ("Deferred", false, false),
];

/// A user to invite.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewUser<'a> {
    pub(crate) username: &'a str,
    pub(crate) first_name: &'a str,
    pub(crate) last_name: &'a str,
    pub(crate) email: &'a str,
    pub(crate) title: &'a str,
    pub(crate) zone: &'a str,
}

impl Org {
    /// Fills an org that has nothing yet.
    pub(super) fn furnish(&mut self, options: &OrgOptions) {
        let by = self.itself();
        let zone = Cell::text(&options.time_zone);
        self.insert_raw(
            Kind::Organization,
            [
                ("Name", Cell::text("Acme")),
                ("TimeZoneSidKey", zone.clone()),
                ("DefaultLocaleSidKey", Cell::text("en_US")),
                ("LanguageLocaleKey", Cell::text("en_US")),
                ("FiscalYearStartMonth", Cell::Number(1.0)),
                ("IsSandbox", Cell::Bool(false)),
                ("InstanceName", Cell::text("DEU42")),
                ("OrganizationType", Cell::text("Enterprise Edition")),
            ],
            by,
        );
        self.insert_raw(
            Kind::BusinessHours,
            [
                ("Name", Cell::text("Default")),
                ("IsActive", Cell::Bool(true)),
                ("IsDefault", Cell::Bool(true)),
                ("TimeZoneSidKey", zone),
            ],
            by,
        );
        self.always_open();
        let stages = STAGES.map(|(name, percent, closed)| NewStage { name, label: name, percent, closed });
        self.set_stages(&stages);
        for (number, (name, default, closed)) in (1..).zip(STATUSES) {
            let cells = [
                ("MasterLabel", Cell::text(name)),
                ("ApiName", Cell::text(name)),
                ("SortOrder", Cell::Number(f64::from(number))),
                ("IsDefault", Cell::Bool(default)),
                ("IsClosed", Cell::Bool(closed)),
            ];
            self.insert_raw(Kind::TaskStatus, cells, by);
        }
        self.add_users(options, by);
        for process in &options.approvals {
            self.define_process(process);
        }
    }

    /// Opens the default hours around the clock, as they are in a fresh org.
    fn always_open(&mut self) {
        let table = self.table(Kind::BusinessHours);
        let Some(mut row) = table.rows().next().cloned() else { return };
        let times: Vec<_> =
            table.schema.iter().filter(|(_, field)| field.name.ends_with("Time")).map(|(id, _)| id).collect();
        for field in times {
            row.put(field, Cell::Time(0));
        }
        self.store(Kind::BusinessHours, row);
    }

    fn add_users(&mut self, options: &OrgOptions, by: Author) {
        let user = &options.user;
        let (may_call, sees_all, changes_all) = (user.api_enabled, user.view_all, user.modify_all);
        let administrator = self.add_profile("System Administrator", true, true, true, by);
        let integration = self.add_profile("Integration", may_call, sees_all, changes_all, by);
        self.add_profile("Standard User", true, false, false, by);
        let user = |username, last_name| NewUser {
            username,
            first_name: "",
            last_name,
            email: username,
            title: "",
            zone: options.time_zone.as_str(),
        };
        self.add_user_with(user("admin@acme.example", "Administrator"), administrator, by);
        self.add_user_with(user(&options.user.username, "Integration"), integration, by);
        self.show_records(integration, sees_all, by);
        for token in &options.tokens {
            self.sessions.admit(token, self.integration);
        }
    }

    fn add_profile(&mut self, name: &str, api: bool, view_all: bool, modify_all: bool, by: Author) -> Id {
        let cells = [
            ("Name", Cell::text(name)),
            ("PermissionsApiEnabled", Cell::Bool(api)),
            ("PermissionsViewSetup", Cell::Bool(true)),
            ("PermissionsViewAllData", Cell::Bool(view_all)),
            ("PermissionsModifyAllData", Cell::Bool(modify_all)),
        ];
        self.insert_raw(Kind::Profile, cells, by)
    }

    /// Each profile has a permission set of its own, which tells what the profile lets its users do.
    fn show_records(&mut self, profile: Id, all: bool, by: Author) {
        let cells = [
            ("Name", Cell::text(format!("X{profile}"))),
            ("Label", Cell::text("Integration")),
            ("ProfileId", Cell::Id(profile)),
            ("IsOwnedByProfile", Cell::Bool(true)),
            ("Type", Cell::text("Profile")),
        ];
        let set = self.insert_raw(Kind::PermissionSet, cells, by);
        let assigned = [("PermissionSetId", Cell::Id(set)), ("AssigneeId", Cell::Id(self.integration))];
        self.insert_raw(Kind::PermissionSetAssignment, assigned, by);
        for kind in [Kind::Account, Kind::Contact, Kind::Opportunity] {
            let rights = ["PermissionsRead", "PermissionsCreate", "PermissionsEdit", "PermissionsDelete"];
            let mut cells: Vec<_> = rights.map(|right| (right, Cell::Bool(true))).into();
            cells.extend([
                ("ParentId", Cell::Id(set)),
                ("SobjectType", Cell::text(kind.name())),
                ("PermissionsViewAllRecords", Cell::Bool(all)),
            ]);
            self.insert_raw(Kind::ObjectPermissions, cells, by);
        }
    }

    /// Lets a user in with the profile that reps have.
    pub(crate) fn add_user(&mut self, user: NewUser<'_>) -> Id {
        let by = self.itself();
        let profiles = self.table(Kind::Profile);
        let name = profiles.schema.known("Name");
        let standard = profiles.rows().find(|row| row.get(name).as_text() == Some("Standard User"));
        let standard = standard.map_or(self.admin, |row| row.id);
        self.add_user_with(user, standard, by)
    }

    fn add_user_with(&mut self, user: NewUser<'_>, profile: Id, by: Author) -> Id {
        let name = format!("{} {}", user.first_name, user.last_name);
        let optional = |text: &str| if text.is_empty() { Cell::Null } else { Cell::text(text) };
        let cells = [
            ("Username", Cell::text(user.username)),
            ("FirstName", optional(user.first_name)),
            ("LastName", Cell::text(user.last_name)),
            ("Name", Cell::text(name.trim())),
            ("Email", Cell::text(user.email)),
            ("Title", optional(user.title)),
            ("IsActive", Cell::Bool(true)),
            ("TimeZoneSidKey", Cell::text(user.zone)),
            ("LocaleSidKey", Cell::text("en_US")),
            ("LanguageLocaleKey", Cell::text("en_US")),
            ("EmailEncodingKey", Cell::text("UTF-8")),
            ("ProfileId", Cell::Id(profile)),
        ];
        self.insert_raw(Kind::User, cells, by)
    }

    /// Whether a user's profile has a right.
    pub(crate) fn may(&self, user: Id, right: &str) -> bool {
        let users = self.table(Kind::User);
        let profile = users.get(user).and_then(|row| row.get(users.schema.known("ProfileId")).as_id());
        let profiles = self.table(Kind::Profile);
        let right = profiles.schema.known(right);
        profile.and_then(|id| profiles.get(id)).is_some_and(|row| row.get(right).is_true())
    }
}
