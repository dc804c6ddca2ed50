BEGIN TRANSACTION;
CREATE TABLE attempts (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	identity TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	row_number INTEGER NOT NULL, 
	fingerprint BLOB NOT NULL, 
	content TEXT NOT NULL, 
	amount_cents BIGINT, 
	send_link BOOLEAN NOT NULL, 
	intended_at TEXT NOT NULL, 
	settled_at TEXT, 
	outcome TEXT NOT NULL, 
	session_id TEXT NOT NULL, 
	http_status INTEGER, 
	reasons TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (batch_id, identity, number), 
	FOREIGN KEY(batch_id) REFERENCES batches (id), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "attempts" VALUES(1,1,'ref:R-1',1,1,2,X'D2297AAE4071F08C55D294F346CDF84870DA0B1B86485628CDEEE83181C83F97','{"reference_id":"R-1","first_name":"Ann","last_name":"Roe","email":"ann@example.com","amount":"250.00","send_link":false,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',25000,0,'2026-11-24T19:04:42.624181+00:00','2026-11-24T19:04:42.678141+00:00','created','43ccf317-2f79-4f95-9ae2-a2113086a446',201,'[]');
CREATE TABLE batches (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	purged_at TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (name, environment)
);
INSERT INTO "batches" VALUES(1,'november','sandbox','2026-11-24T19:04:40.799660+00:00',NULL);
CREATE TABLE migrations (
	version INTEGER NOT NULL, 
	applied_at TEXT NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "migrations" VALUES(1,'2026-11-24T19:04:40.780111+00:00');
CREATE TABLE rows (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	cells TEXT NOT NULL, 
	kinds TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	fingerprint BLOB, 
	payment TEXT, 
	amount_cents BIGINT, 
	send_link BOOLEAN, 
	faults TEXT NOT NULL, 
	notices TEXT NOT NULL, 
	"plan" TEXT NOT NULL, 
	hold TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (run_id, position), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "rows" VALUES(1,1,0,2,'["R-1","Ann","Roe","ann@example.com","250.00"]','sssss','ref:R-1',X'D2297AAE4071F08C55D294F346CDF84870DA0B1B86485628CDEEE83181C83F97','{"reference_id":"R-1","first_name":"Ann","last_name":"Roe","email":"ann@example.com","amount":"250.00","send_link":false,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',25000,0,'[]','[]','send',NULL);
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	purpose TEXT NOT NULL, 
	file TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	sheet TEXT NOT NULL, 
	base_url TEXT NOT NULL, 
	columns TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	started_at TEXT NOT NULL, 
	staged_at TEXT, 
	ended_at TEXT, 
	exit_code INTEGER, 
	stopped TEXT NOT NULL, 
	stopped_details TEXT NOT NULL, 
	controls TEXT NOT NULL, 
	notices TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(batch_id) REFERENCES batches (id)
);
INSERT INTO "runs" VALUES(1,1,'run','november.csv','85d2c05ae3dc1afef136dd752c6a17eed8dc69b7922954609d47976198a83dbd','','http://127.0.0.1:8377','[{"index":0,"heading":"Reference","field":"referenceId","why":"sheet.why_alias","number_format":""},{"index":1,"heading":"First Name","field":"firstName","why":"sheet.why_alias","number_format":""},{"index":2,"heading":"Last Name","field":"lastName","why":"sheet.why_alias","number_format":""},{"index":3,"heading":"Email","field":"email","why":"sheet.why_alias","number_format":""},{"index":4,"heading":"Amount","field":"amount","why":"sheet.why_alias","number_format":""}]','["referenceId"]','2026-11-24T19:04:40.809177+00:00','2026-11-24T19:04:42.545420+00:00','2026-11-24T19:04:42.695370+00:00',0,'','{}','[]','[]');
CREATE INDEX ix_runs_batch_id ON runs (batch_id);
CREATE INDEX attempts_by_fingerprint ON attempts (fingerprint);
COMMIT;
