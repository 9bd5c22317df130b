"""The store of jobs and runs. Each module uses those below it:

sqlite.py, dynamodb.py   the two stores: for one machine, for many machines
sqlite_reader.py         a SQLite store that is only read
store.py                 RunStore: claims and leases, progress, effects, a run's end, the outbox
reader.py                StoreReader: runs and what they have stored, to look at
generations.py           which run a submission refers to, and what starts the next generation
money.py                 model calls, and the budgets that they use
transaction.py           jobs, runs and parts, read and written as rows
rows.py                  the layout of rows as items
group_commit.py          what threads write to the SQLite file at the same time, in one commit
migrations.py            the schema of that file
schema.py                the names of its steps
sqlite_queries.py        reading it
dynamodb_transaction.py  what is written to the DynamoDB table, on conditions
own_writes.py            what this process wrote last, so that it need not be read
dynamodb_queries.py      reading the table
dynamodb_items.py        its items
table.py                 what a database must provide: items under keys, changed in transactions
contract.py              the values that go in and come out
"""
